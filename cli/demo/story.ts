/**
 * `gtpkg demo`: the whole job in one story, with real processes on a loopback network. Every claim it prints
 * was checked just before; a claim that does not hold ends the demo with an error.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pc from 'picocolors';
import { GtpkgError } from '../../model/index.js';
import type { Context } from '../context.js';
import { PROGRAMS, writeProgram } from './packages.js';
import { Cast, type Running } from './processes.js';

/** How it went. */
export interface DemoResult {
  readonly seconds: number;
  readonly steps: readonly string[];
  readonly folder: string | null;
  readonly summary: string;
}

const run = promisify(execFile);
const TAMPER = fileURLToPath(new URL('./tamper.js', import.meta.url));

/** Tells each step as it happens. */
class Teller {
  readonly steps: string[] = [];
  readonly #json: boolean;
  readonly #started = Date.now();

  constructor(json: boolean) {
    this.#json = json;
  }

  get seconds(): number {
    return Math.round((Date.now() - this.#started) / 100) / 10;
  }

  #print(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }

  chapter(title: string): void {
    this.#print(`\n${pc.bold(title)}`);
  }

  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    const live = process.stdout.isTTY && !this.#json;
    if (live) process.stdout.write(`  … ${text}`);
    try {
      const result = await work();
      if (live) process.stdout.write('\r\x1b[K');
      this.#print(`  ${pc.green('✓')} ${text} ${pc.dim(`${this.seconds} s`)}`);
      this.steps.push(text);
      return result;
    } catch (error) {
      if (live) process.stdout.write('\r\x1b[K');
      this.#print(`  ${pc.red('✗')} ${text}`);
      throw error;
    }
  }
}

function check(holds: boolean, claim: string): void {
  if (!holds)
    throw new GtpkgError('INTERNAL', `the demo expected that ${claim}, and it is not so`, {
      hint: 'Run gtpkg demo --keep and look into the folder that it names.',
    });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Runs the story. @throws GtpkgError INTERNAL at the first claim that does not hold */
export async function runDemo(context: Context, options: { readonly keep: boolean }): Promise<DemoResult> {
  const folder = await mkdtemp(join(tmpdir(), 'gtpkg-demo-'));
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('GTPKG_')),
  );
  const cast = new Cast({ ...clean, GTPKG_TIMEOUT: '15', NO_COLOR: '1' });
  const interrupted = (): void => void end(cast, folder, options.keep).then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  const teller = new Teller(context.settings.json);
  try {
    await tell(teller, cast, folder);
  } finally {
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
    await end(cast, folder, options.keep);
  }
  const kept = options.keep ? folder : null;
  return {
    seconds: teller.seconds,
    steps: teller.steps,
    folder: kept,
    summary: `\nThat was all of it, in ${teller.seconds} s.${kept === null ? ' Nothing is left behind.' : ` The folder is ${kept}.`}`,
  };
}

async function end(cast: Cast, folder: string, keep: boolean): Promise<void> {
  await cast.killAll();
  if (!keep) await rm(folder, { recursive: true, force: true });
}

async function tell(teller: Teller, cast: Cast, folder: string): Promise<void> {
  const home = (name: string): string => join(folder, name);
  const rootOf = (name: string): string => join(folder, `${name}-root`);
  const work = join(folder, 'work');
  const sh = async (name: string, program: string): Promise<string> =>
    (await run(join(rootOf(name), 'usr/bin', program), ['friend'])).stdout;

  teller.chapter('A network of its own');
  const dht = await teller.step('A DHT starts on this machine; nothing here talks to the outside', () =>
    cast.start(home('dht'), ['dht', '--port', '0']),
  );
  const env = { GTPKG_BOOTSTRAP: String(dht.first['address']) };
  const must = (name: string, args: string[]): Promise<Record<string, unknown>> =>
    cast.must(home(name), [...args, '--bootstrap', env.GTPKG_BOOTSTRAP, '--root', rootOf(name)]);
  const seed = (name: string): Promise<Running> =>
    cast.start(home(name), ['seed', '--bootstrap', env.GTPKG_BOOTSTRAP]);
  const newKey = async (name: string): Promise<string> =>
    String(
      (await must(name, ['key', 'generate', '--name', name, '--email', `${name}@example.org`]))[
        'fingerprint'
      ],
    );

  teller.chapter('Two publishers, one distribution');
  const { bobIntro, bob } = await teller.step(
    'Bob makes a key, and publishes and seeds fortune-cookie in a distribution of his own',
    async () => {
      const key = await newKey('bob');
      const bobIntro = String((await must('bob', ['index', 'create', 'bobs', '--key', key]))['introduction']);
      await must('bob', [
        'publish',
        await writeProgram(work, PROGRAMS.fortune),
        '--index',
        'bobs',
        '--compression',
        '6',
      ]);
      return { bobIntro, bob: await seed('bob') };
    },
  );
  const { acme } = await teller.step(
    'Alice makes a key and the distribution acme, and publishes greet and party',
    async () => {
      const key = await newKey('alice');
      const acme = String((await must('alice', ['index', 'create', 'acme', '--key', key]))['introduction']);
      await must('alice', [
        'publish',
        await writeProgram(work, PROGRAMS.greet1),
        await writeProgram(work, PROGRAMS.party),
        '--index',
        'acme',
      ]);
      return { acme };
    },
  );
  await teller.step(
    "Alice finds Bob in the swarm, checks his release, and lists it in acme under Bob's own signature",
    async () => {
      await must('alice', ['source', 'add', bobIntro, '--name', 'bobs']);
      await must('alice', ['index', 'add', 'acme', 'fortune-cookie@bobs']);
    },
  );
  const alice = await teller.step('Alice seeds acme', () => seed('alice'));

  teller.chapter('A seeder and a client');
  const sam = await teller.step('Sam, a volunteer, fetches and seeds all of acme', async () => {
    await must('sam', ['source', 'add', acme, '--name', 'acme']);
    await must('sam', ['download', 'greet', 'party', 'fortune-cookie']);
    return seed('sam');
  });
  await teller.step('Carol, who knows only the introduction, installs party and what it needs', async () => {
    await must('carol', ['source', 'add', acme, '--name', 'acme']);
    await must('carol', ['install', 'party']);
    const said = await sh('carol', 'party');
    check(said.includes('greet 1.0') && said.includes('share'), "party runs from Carol's root");
  });
  await teller.step('Alice publishes greet 1.1, and Carol upgrades to it', async () => {
    await must('alice', ['publish', await writeProgram(work, PROGRAMS.greet2), '--index', 'acme']);
    await must('carol', ['update']);
    await must('carol', ['upgrade']);
    check((await sh('carol', 'greet')).includes('greet 1.1'), "Carol's greet is 1.1");
    check((await must('carol', ['verify']))['ok'] === true, "Carol's files are as signed");
  });

  teller.chapter('The publishers vanish');
  const carol = await teller.step(
    'Bob, Alice and Sam are killed without warning; Carol seeds what she has',
    async () => {
      for (const each of [bob, alice, sam]) await cast.kill(each);
      return seed('carol');
    },
  );
  await teller.step('Dave, new here, installs everything from Carol alone', async () => {
    await must('dave', ['source', 'add', acme, '--name', 'acme']);
    await must('dave', ['install', 'party']);
    check((await sh('dave', 'party')).includes('greet 1.1'), "party runs from Dave's root");
  });

  teller.chapter('A peer that tampers');
  await teller.step(
    'Mallory holds the same packages and changes bytes as they leave; Carol is away',
    async () => {
      await must('mallory', ['source', 'add', acme, '--name', 'acme']);
      await must('mallory', ['download', 'greet', 'party', 'fortune-cookie']);
      await cast.kill(carol);
    },
  );
  const mallory = await cast.start(home('mallory'), [home('mallory'), env.GTPKG_BOOTSTRAP], TAMPER);
  await teller.step(
    'Erin meets only Mallory: every changed block is caught, nothing is placed in her root',
    async () => {
      await must('erin', ['source', 'add', acme, '--name', 'acme']);
      const { status, stdout } = await cast.run(
        home('erin'),
        ['install', 'party', '--json', '--timeout', '5', '--root', rootOf('erin')],
        env,
      );
      const error = (JSON.parse(stdout) as { error?: { code: string } }).error;
      check(status === 5 || status === 6, `the installation is refused (it ended with ${status})`);
      check(error?.code === 'PEER_CORRUPT', `the refusal is PEER_CORRUPT (it is ${error?.code})`);
      check(!(await exists(join(rootOf('erin'), 'usr'))), "Erin's root is untouched");
    },
  );
  const carolAgain = await seed('carol');
  await teller.step(
    'Carol comes back, and Erin installs from her although Mallory is still there',
    async () => {
      await must('erin', ['install', 'party']);
      check((await sh('erin', 'party')).includes('greet 1.1'), "party runs from Erin's root");
    },
  );
  await cast.kill(mallory);

  teller.chapter('A fork outlives its upstream');
  const fork = await teller.step(
    "Alice's keys are gone for good. Carol forks acme under a key of her own and publishes greet 2.0",
    async () => {
      await cast.kill(carolAgain);
      await rm(home('alice'), { recursive: true, force: true });
      const key = await newKey('carol');
      const fork = String(
        (await must('carol', ['index', 'fork', 'acme', 'acme-ng', '--key', key]))['introduction'],
      );
      await must('carol', ['publish', await writeProgram(work, PROGRAMS.greetFork), '--index', 'acme-ng']);
      await seed('carol');
      return fork;
    },
  );
  await teller.step('Dave moves over to the fork: he fetches the one package that changed', async () => {
    await must('dave', ['source', 'add', fork, '--name', 'acme-ng']);
    const plan = await must('dave', ['upgrade', '--dry-run']);
    check((plan['steps'] as unknown[]).length === 1, 'one package changes');
    await must('dave', ['upgrade']);
    check((await sh('dave', 'greet')).includes('greet 2.0'), "Dave's greet is the fork's");
  });
  await teller.step('Frank, who never heard of Alice, installs all of it from the fork', async () => {
    await must('frank', ['source', 'add', fork, '--name', 'acme-ng']);
    await must('frank', ['install', 'party']);
    const said = await sh('frank', 'party');
    check(said.includes('greet 2.0') && said.includes('share'), "party runs from Frank's root");
  });
}
