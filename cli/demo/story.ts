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
import { EXIT, GtpkgError } from '../../model/index.js';
import type { Context } from '../context.js';
import { out } from '../render/colors.js';
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
  readonly #live: boolean;
  readonly #pending = new Set<string>();
  readonly #started = Date.now();

  constructor(json: boolean) {
    this.#json = json;
    this.#live = process.stdout.isTTY && !json;
  }

  get seconds(): number {
    return Math.round((Date.now() - this.#started) / 100) / 10;
  }

  #print(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }

  chapter(title: string): void {
    this.#print(`\n${out.bold(title)}`);
  }

  async step<T>(text: string, work: () => Promise<T>): Promise<T> {
    this.#pending.add(text);
    this.#draw();
    try {
      const result = await work();
      this.#finish(text, `  ${out.green('✓')} ${text} ${out.dim(`${this.seconds} s`)}`);
      this.steps.push(text);
      return result;
    } catch (error) {
      this.#finish(text, `  ${out.red('✗')} ${text}`);
      throw error;
    }
  }

  #finish(text: string, line: string): void {
    this.#pending.delete(text);
    if (this.#live) process.stdout.write('\r\x1b[K');
    this.#print(line);
    this.#draw();
  }

  // What is under way, on one line that the next word replaces.
  #draw(): void {
    if (!this.#live || this.#pending.size === 0) return;
    const line = `  … ${[...this.#pending].join(' · ')}`;
    process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns ?? 80) - 1)}`);
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
  const cast = new Cast({ ...clean, GTPKG_LAN: 'off', GTPKG_TIMEOUT: '15', NO_COLOR: '1' });
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
  const bobs = teller.step(
    'Bob makes a key, and publishes and seeds fortune-cookie in a distribution of his own',
    async () => {
      const key = await newKey('bob');
      const introduction = String(
        (await must('bob', ['index', 'create', 'bobs', '--key', key]))['introduction'],
      );
      const fortune = await writeProgram(work, PROGRAMS.fortune);
      await must('bob', ['publish', fortune, '--index', 'bobs', '--compression', '6']);
      return { introduction, process: await seed('bob') };
    },
  );
  const alices = teller.step(
    'Alice makes a key and the distribution acme, and publishes greet and party',
    async () => {
      const key = await newKey('alice');
      const introduction = String(
        (await must('alice', ['index', 'create', 'acme', '--key', key]))['introduction'],
      );
      const programs = [await writeProgram(work, PROGRAMS.greet1), await writeProgram(work, PROGRAMS.party)];
      await must('alice', ['publish', ...programs, '--index', 'acme']);
      return introduction;
    },
  );
  const [{ introduction: bobIntro, process: bob }, acme] = await Promise.all([bobs, alices]);
  const trust = (name: string): Promise<unknown> => must(name, ['source', 'add', acme, '--name', 'acme']);
  await teller.step(
    "Alice finds Bob in the swarm, checks his release, and lists it in acme under Bob's own signature",
    async () => {
      await must('alice', ['source', 'add', bobIntro, '--name', 'bobs']);
      await must('alice', ['index', 'add', 'acme', 'fortune-cookie@bobs']);
    },
  );
  const alice = await teller.step('Alice seeds acme', () => seed('alice'));

  teller.chapter('A seeder and a client');
  const sams = teller.step('Sam, a volunteer, fetches and seeds all of acme', async () => {
    await trust('sam');
    await must('sam', ['download', 'greet', 'party', 'fortune-cookie']);
    return seed('sam');
  });
  const carols = teller.step(
    'Carol, who knows only the introduction, installs party and what it needs',
    async () => {
      await trust('carol');
      await must('carol', ['install', 'party']);
      const said = await sh('carol', 'party');
      check(said.includes('greet 1.0') && said.includes('share'), "party runs from Carol's root");
    },
  );
  const [sam] = await Promise.all([sams, carols]);
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
  const daves = teller.step('Dave, new here, installs everything from Carol alone', async () => {
    await trust('dave');
    await must('dave', ['install', 'party']);
    check((await sh('dave', 'party')).includes('greet 1.1'), "party runs from Dave's root");
  });
  // meanwhile, for the next chapter: both know acme, Mallory has its packages, Erin has none
  const prepared = Promise.all([
    trust('mallory').then(() => must('mallory', ['download', 'greet', 'party', 'fortune-cookie'])),
    trust('erin'),
  ]);
  await Promise.all([daves, prepared]);

  teller.chapter('A peer that tampers');
  const mallory = await teller.step(
    'Mallory holds the same packages and changes bytes as they leave; Carol is away',
    async () => {
      await cast.kill(carol);
      return cast.start(home('mallory'), [home('mallory'), env.GTPKG_BOOTSTRAP], TAMPER);
    },
  );
  await teller.step(
    'Erin meets only Mallory: every changed block is caught, nothing is placed in her root',
    async () => {
      const { status, stdout } = await cast.run(
        home('erin'),
        ['install', 'party', '--json', '--timeout', '4', '--root', rootOf('erin')],
        env,
      );
      const error = (JSON.parse(stdout) as { error?: { code: string } }).error;
      check(status === EXIT.untrusted, `the installation is refused with 5 (it ended with ${status})`);
      check(error?.code === 'PEER_CORRUPT', `the refusal is PEER_CORRUPT (it is ${error?.code})`);
      check(!(await exists(`${rootOf('erin')}/usr`)), "Erin's root is untouched");
    },
  );
  await seed('carol');
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
      await rm(home('alice'), { recursive: true, force: true });
      const key = await newKey('carol');
      const made = await must('carol', ['index', 'fork', 'acme', 'acme-ng', '--key', key]);
      await must('carol', ['publish', await writeProgram(work, PROGRAMS.greetFork), '--index', 'acme-ng']);
      return String(made['introduction']);
    },
  );
  const moves = teller.step(
    'Dave moves over to the fork: he fetches the one package that changed',
    async () => {
      await must('dave', ['source', 'add', fork, '--name', 'acme-ng']);
      await must('dave', ['source', 'remove', 'acme']);
      const { steps } = await must('dave', ['upgrade']);
      check((steps as unknown[]).length === 1, 'one package changes');
      check((await sh('dave', 'greet')).includes('greet 2.0'), "Dave's greet is the fork's");
    },
  );
  const starts = teller.step(
    'Frank, who never heard of Alice, installs all of it from the fork',
    async () => {
      await must('frank', ['source', 'add', fork, '--name', 'acme-ng']);
      await must('frank', ['install', 'party']);
      const said = await sh('frank', 'party');
      check(said.includes('greet 2.0') && said.includes('share'), "party runs from Frank's root");
    },
  );
  await Promise.all([moves, starts]);
}
