/**
 * Memory of a seeder: a home that holds 20,000 releases, `gtpkg seed` on it, and clients in processes of their own, each of which fetches some
 * hundreds of them and asks the seeder what it holds.
 *
 *     npm run build && node dist/bench/seeding.js [--releases 20000] [--clients 8] [--each 400] [--json]
 *
 * Releases are random bytes; their sizes are spread as Debian's are (log-normal), a tenth as large, so that the disk takes about 1.5 GB.
 * Prints a table, or with --json one document: the seeder's peak (VmHWM) and what it was before the first client.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parsePeerAddress, type CoreRef } from '../model/index.js';
import { openDepot } from '../replication/index.js';

const BIN = fileURLToPath(new URL('../../bin/gtpkg.js', import.meta.url));
const SELF = fileURLToPath(import.meta.url);
const MEDIAN = 20_000;
const SIGMA = 1.6;
const LARGEST = 8_000_000;
const TOGETHER = 64;

/** Reproducible: the same sizes in every run. */
function* sizes(): Generator<number> {
  let state = 42;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    yield Math.min(LARGEST, Math.max(500, Math.round(MEDIAN * Math.exp(SIGMA * normal))));
  }
}

async function fill(home: string, count: number): Promise<CoreRef[]> {
  const depot = await openDepot({ home, bootstrap: [], offline: true });
  try {
    const refs: CoreRef[] = [];
    const size = sizes();
    while (refs.length < count) {
      const some = Array.from({ length: Math.min(TOGETHER, count - refs.length) }, () =>
        depot.putStaticBytes(randomBytes(size.next().value as number)),
      );
      refs.push(...(await Promise.all(some)));
    }
    return refs;
  } finally {
    await depot.close();
  }
}

/** kB of one line of /proc/PID/status. */
function memory(pid: number, line: 'VmHWM' | 'VmRSS'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** The other side: fetches its share and says how long that took. */
async function client(home: string, peer: string, list: string): Promise<void> {
  const refs = JSON.parse(await readFile(list, 'utf8')) as CoreRef[];
  const depot = await openDepot({ home, bootstrap: [], server: true, timeout: 60_000 });
  try {
    await depot.addPeers([parsePeerAddress(peer)]);
    const started = performance.now();
    await depot.fetch(refs);
    const [first] = await depot.seeders(refs.slice(0, 1).map((ref) => ref.key));
    process.send?.({ seconds: (performance.now() - started) / 1000, known: first });
  } finally {
    await depot.close();
  }
}

async function seeder(home: string): Promise<{ child: ChildProcess; address: string }> {
  const env = { ...process.env, GTPKG_HOME: home, GTPKG_BOOTSTRAP: 'none', GTPKG_LAN: 'off' };
  const child = spawn(process.execPath, [BIN, 'seed', '--listen', '127.0.0.1:0', '--json'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, address: (JSON.parse(first.toString()) as { address: string }).address };
}

async function run(options: {
  releases: number;
  clients: number;
  each: number;
  json: boolean;
}): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
  const children: ChildProcess[] = [];
  try {
    const home = join(folder, 'home');
    const filling = performance.now();
    const refs = await fill(home, options.releases);
    const filled = (performance.now() - filling) / 1000;
    const { child, address } = await seeder(home);
    children.push(child);
    const pid = child.pid ?? 0;
    const before = memory(pid, 'VmRSS');
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(memory(pid, 'VmRSS')), 500);
    const started = performance.now();
    const ends = await Promise.all(
      Array.from({ length: options.clients }, async (_, i) => {
        const list = join(folder, `list-${i}`);
        const step = Math.max(1, Math.floor(refs.length / options.each));
        const own = refs.filter((_ref, at) => (at + i) % step === 0).slice(0, options.each);
        await writeFile(list, JSON.stringify(own));
        const worker = fork(SELF, ['client', join(folder, `client-${i}`), address, list]);
        children.push(worker);
        const [said] = (await Promise.race([once(worker, 'message'), once(worker, 'exit')])) as unknown[];
        if (typeof said !== 'object') throw new Error(`client ${i} ended with ${String(said)}`);
        return { ...(said as { seconds: number }), bytes: own.reduce((sum, ref) => sum + ref.byteLength, 0) };
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    clearInterval(sampling);
    const result = {
      bench: 'seeding',
      node: process.version,
      ...options,
      bytes: refs.reduce((sum, ref) => sum + ref.byteLength, 0),
      fetched: ends.reduce((sum, end) => sum + end.bytes, 0),
      fillSeconds: filled,
      seconds,
      rssBefore: before * 1024,
      rssLast: (samples.at(-1) ?? before) * 1024,
      peak: memory(pid, 'VmHWM') * 1024,
    };
    const MB = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
    const rows = [
      ['releases held', `${options.releases}, ${MB(result.bytes)}`],
      [
        'clients at once',
        `${options.clients}, ${options.each} releases each, ${MB(result.fetched)} in ${seconds.toFixed(1)} s`,
      ],
      ['seeder, before the first', MB(result.rssBefore)],
      ['seeder, after the last', MB(result.rssLast)],
      ['seeder, peak', MB(result.peak)],
    ];
    process.stdout.write(
      options.json
        ? `${JSON.stringify(result)}\n`
        : rows.map(([name = '', value]) => `${name.padEnd(26)} ${value}\n`).join(''),
    );
  } finally {
    for (const each of children) {
      if (each.exitCode !== null || each.signalCode !== null) continue;
      each.kill('SIGTERM');
      await once(each, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === 'client') {
  await client(process.argv[3] ?? '', process.argv[4] ?? '', process.argv[5] ?? '');
} else {
  const { values } = parseArgs({
    options: {
      releases: { type: 'string', default: '20000' },
      clients: { type: 'string', default: '8' },
      each: { type: 'string', default: '400' },
      json: { type: 'boolean', default: false },
    },
  });
  await run({
    releases: Number(values.releases),
    clients: Number(values.clients),
    each: Number(values.each),
    json: values.json,
  });
}
