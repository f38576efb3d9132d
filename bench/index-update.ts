/**
 * An index as large as Debian's, followed: `gtpkg update` against `apt-get update`, whole processes, in turn.
 *
 *     npm run build && node dist/bench/index-update.js [--runs N] [--first]
 *
 * In each round 100 of 63,440 packages get another version, on both sides; then both update, and update once more with nothing new. Bytes are
 * counted by a TCP relay between client and server. gtpkg: one `gtpkg seed` on loopback, whose address the client knows; the daemon of the
 * publisher is the seeder. apt: nginx on loopback, a signed InRelease, Packages.xz, no pdiffs, no translations. --first: also a first fetch
 * into an empty home and an empty apt root.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AptMirror } from './apt-mirror.js';
import { fullIndex, rebuilt, some } from './index-home.js';
import { median } from './measure.js';
import { Bench, mb, usage, type Usage } from './processes.js';
import { Wire } from './wire.js';

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, first: { type: 'boolean' } },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const CHANGED = 100;
const CHANGE = fileURLToPath(new URL('index-change.js', import.meta.url));

interface Round extends Usage {
  readonly bytes: number;
}

const full = await fullIndex(say);
const changed = new Set(some(full.paragraphs, CHANGED));
const packages = [0, 1].map(
  (round) =>
    `${full.paragraphs.map((paragraph) => (changed.has(paragraph) ? rebuilt(paragraph, round) : paragraph).trim()).join('\n\n')}\n`,
);
const bench = await Bench.open();
const wires: Wire[] = [];
let mirror: AptMirror | undefined;
try {
  mirror = await AptMirror.open(bench, packages);
  const seed = bench.gtpkg(full.publisher, 'seed', '--listen', '127.0.0.1:0', '--json', '--no-lan');
  const quiet = { ...seed.env, GTPKG_BOOTSTRAP: 'none', GTPKG_LAN: 'off' };
  const { line, pid } = await bench.start({ ...seed, env: quiet }, { line: true });
  const address = /[a-z0-9]{52}@127\.0\.0\.1:(\d+)/.exec(line);
  if (address === null) throw new Error(`the seeder says ${line}`);
  const wire = await Wire.open(Number(address[1]));
  const relay = await Wire.open(mirror.port);
  wires.push(wire, relay);
  const peer = `${address[0].split('@')[0]}@127.0.0.1:${wire.port}`;
  const gtpkg = async (home: string, ...args: string[]): Promise<Round> => {
    wire.taken();
    const program = bench.gtpkg(home, ...args);
    return {
      ...(await usage({ ...program, env: { ...program.env, ...quiet, GTPKG_HOME: home } })),
      bytes: wire.taken(),
    };
  };
  const apt = async (): Promise<Round> => {
    const program = await (mirror as AptMirror).program('apt-get', ['update', '-qq'], relay.port);
    relay.taken();
    return { ...(await usage(program)), bytes: relay.taken() };
  };
  const show = (name: string, ours: readonly Round[], theirs: readonly Round[], must: string): void => {
    const of = (rounds: readonly Round[], what: (round: Round) => number): number => median(rounds.map(what));
    const ratio = median(ours.map((round, i) => round.wall / (theirs[i]?.wall ?? NaN)));
    process.stdout.write(
      `${name.padEnd(18)} gtpkg ${of(ours, (r) => r.wall).toFixed(2)} s ${mb(of(ours, (r) => r.bytes))} MB cpu ${of(ours, (r) => r.cpu).toFixed(2)} s peak ${mb(of(ours, (r) => r.peak))} MB` +
        `   apt ${of(theirs, (r) => r.wall).toFixed(2)} s ${mb(of(theirs, (r) => r.bytes))} MB peak ${mb(of(theirs, (r) => r.peak))} MB   × ${ratio.toFixed(2)} ${must}\n`,
    );
    process.stdout.write(
      `${JSON.stringify({ bench: 'index-update', case: name, ratio, ours: ours.map(({ wall, bytes, cpu, peak }) => ({ wall, bytes, cpu, peak })), apt: theirs.map(({ wall, bytes }) => ({ wall, bytes })) })}\n`,
    );
  };
  const add = async (home: string): Promise<Round> => {
    await mkdir(home, { recursive: true });
    await gtpkg(home, 'peer', 'add', peer);
    return gtpkg(home, 'source', 'add', full.introduction, '--name', 'bench');
  };
  await mirror.serve(0);
  const firstApt = await apt();
  if (options.first === true) show('first', [await add(bench.path('first'))], [firstApt], '');
  if (!existsSync(join(full.client, 'sources'))) {
    say('the client fetches the index, once');
    await rm(full.client, { recursive: true, force: true });
    await add(full.client);
  } else await gtpkg(full.client, 'peer', 'add', peer);
  await gtpkg(full.client, 'update');
  const rounds = { ours: [] as Round[], theirs: [] as Round[], same: [] as Round[], sameApt: [] as Round[] };
  const clock = Math.floor(Date.now() / 1000);
  for (let i = 1; i <= Number(options.runs); i++) {
    await usage({
      file: process.execPath,
      args: [CHANGE, full.publisher, String(CHANGED), String(clock + i)],
    });
    await mirror.serve(i % 2);
    rounds.theirs.push(await apt());
    rounds.ours.push(await gtpkg(full.client, 'update'));
    rounds.sameApt.push(await apt());
    rounds.same.push(await gtpkg(full.client, 'update'));
  }
  show('100 changed', rounds.ours, rounds.theirs, '(must be ≤ 1.0, ≤ 0.6 MB)');
  show('nothing changed', rounds.same, rounds.sameApt, '(must be ≤ 0.5)');
  process.kill(pid, 'SIGTERM');
} finally {
  for (const wire of wires) await wire.close();
  await mirror?.close();
  await bench.close();
}
