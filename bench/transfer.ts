/**
 * One file from one seeder: as fast as it goes to one client, and to eight at once from a seeder whose upload is limited.
 *
 *     npm run build && node dist/bench/transfer.js [--runs N] [--json] [--only speed|swarm] [--size MIB] [--swarm-size MIB] [--cap MIB/S] [--clients N]
 *
 * Beside aria2c (BitTorrent, one seeder) and nginx with curl, from Debian packages unpacked into a private folder. The contenders take turns in each
 * run, so that a machine whose speed drifts slows all; figures are medians. Prints one table, with --json one document instead.
 * Needs two free cores, /proc, and about four times the sizes on disk.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { aria2, gtpkg, mebibytes, nginx, type Contender, type Round } from './contenders.js';
import { median } from './measure.js';
import { tools } from './tools.js';

const MiB = 1024 * 1024;
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    size: { type: 'string', default: '512' },
    'swarm-size': { type: 'string', default: '96' },
    cap: { type: 'string', default: '8' },
    clients: { type: 'string', default: '8' },
  },
});
const runs = Number(values.runs);
const cap = Number(values.cap) * MiB;
const clients = Number(values.clients);

const folder = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
try {
  const others = await tools(['aria2', 'nginx-light']);
  const contenders: Record<string, Contender> = { gtpkg, aria2c: aria2(others), nginx: nginx(others) };
  const speed =
    values.only === 'swarm' ? undefined : await measureSpeed(contenders, Number(values.size) * MiB);
  const swarm =
    values.only === 'speed' ? undefined : await measureSwarm(contenders, Number(values['swarm-size']) * MiB);
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ bench: 'transfer', node: process.version, runs, speed, swarm })}\n`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measureSpeed(contenders: Record<string, Contender>, size: number): Promise<object[]> {
  const rounds = await take(contenders, size, { clients: 1 });
  const rate = (list: readonly Round[]): number =>
    median(list.map(({ seconds }) => size / MiB / slowest(seconds)));
  const rows = Object.entries(rounds).map(([name, list]) => ({
    name,
    rate: rate(list),
    toAria2c: median(
      list.map(({ seconds }, run) => slowest(rounds['aria2c']?.[run]?.seconds ?? []) / slowest(seconds)),
    ),
    seederPeak: Math.max(...list.map(({ seederPeak }) => seederPeak)),
    clientPeak: Math.max(...list.map(({ clientPeak }) => clientPeak)),
  }));
  table([
    [`one client, ${mebibytes(size)} MiB, no limit`, 'MiB/s', '× aria2c', 'seeder MiB', 'client MiB'],
    ...rows.map((row) => [
      row.name,
      row.rate.toFixed(0),
      row.toAria2c.toFixed(2),
      mebibytes(row.seederPeak),
      mebibytes(row.clientPeak),
    ]),
  ]);
  return rows;
}

async function measureSwarm(contenders: Record<string, Contender>, size: number): Promise<object[]> {
  const alone = await take(contenders, size, { clients: 1, cap });
  const together = await take(contenders, size, { clients, cap });
  const rows = Object.entries(together).map(([name, list]) => ({
    name,
    alone: median((alone[name] ?? []).map(({ seconds }) => slowest(seconds))),
    together: median(list.map(({ seconds }) => slowest(seconds))),
    ratio: median(
      list.map(({ seconds }, run) => slowest(seconds) / slowest(alone[name]?.[run]?.seconds ?? [])),
    ),
    sent: median(list.map(({ sent }) => sent / size)),
    seederPeak: Math.max(...list.map(({ seederPeak }) => seederPeak)),
    clientPeak: Math.max(...list.map(({ clientPeak }) => clientPeak)),
  }));
  const title = `${clients} clients, ${mebibytes(size)} MiB, seeder at ${mebibytes(cap)} MiB/s`;
  table([
    [title, 'one s', `${clients} s`, 'ratio', 'sent ×', 'seeder MiB', 'client MiB'],
    ...rows.map((row) => [
      row.name,
      row.alone.toFixed(1),
      row.together.toFixed(1),
      row.ratio.toFixed(2),
      row.sent.toFixed(2),
      mebibytes(row.seederPeak),
      mebibytes(row.clientPeak),
    ]),
  ]);
  return rows;
}

/** Runs of all contenders in turn, each in a folder of its own. */
async function take(
  contenders: Record<string, Contender>,
  size: number,
  options: { clients: number; cap?: number },
): Promise<Record<string, Round[]>> {
  const rounds: Record<string, Round[]> = {};
  for (let run = 0; run < runs; run++) {
    for (const [name, contender] of Object.entries(contenders)) {
      const place = await mkdtemp(join(folder, `${name}-`));
      const file = await random(join(place, 'file'), size);
      (rounds[name] ??= []).push(await contender({ folder: place, file, ...options }));
      await rm(place, { recursive: true, force: true });
    }
  }
  return rounds;
}

/** A file that nothing compresses. */
async function random(path: string, size: number): Promise<string> {
  const file = await open(path, 'w');
  for (let left = size; left > 0; left -= 8 * MiB) await file.write(randomBytes(Math.min(left, 8 * MiB)));
  await file.close();
  return path;
}

function slowest(seconds: readonly number[]): number {
  return Math.max(...seconds);
}

/** The first row are the heads; MiB without more are of memory at its peak. */
function table(rows: readonly (readonly string[])[]): void {
  if (values.json) return;
  for (const [first = '', ...rest] of rows)
    process.stdout.write(`${first.padEnd(42)}${rest.map((text) => text.padStart(12)).join('')}\n`);
}
