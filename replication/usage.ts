/**
 * What this home has saved and moved over all time: `<home>/usage.log`, one line for each addition.
 *
 *     deltas 1048576
 *     received 52428800
 *
 * Lines are appended, so that processes of one home do not need each other; when they are many, whoever reads them writes the sums. Losing
 * the file loses figures, nothing else: no failure here is worth failing for.
 */
import { appendFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readSmall, writeAtomic } from './disk.js';

/** What is counted, in bytes. */
export interface Usage {
  /** not fetched, because a delta was enough: size of the whole release less size of the delta */
  readonly deltas: number;
  /** on the wire, from peers */
  readonly received: number;
  /** on the wire, to peers */
  readonly sent: number;
}

const NAMES = ['deltas', 'received', 'sent'] as const;
const MAX_FILE = 16 * 1024 * 1024;
/** Above this the lines are added up. */
const LONG = 64 * 1024;

/** Adds to the counters of a home. Never throws. */
export async function recordSaved(home: string, saved: Partial<Usage>): Promise<void> {
  const lines = NAMES.flatMap((name) => {
    const bytes = Math.round(saved[name] ?? 0);
    return bytes > 0 ? [`${name} ${bytes}\n`] : [];
  });
  if (lines.length === 0) return;
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await appendFile(join(home, 'usage.log'), lines.join(''), { mode: 0o600 });
  } catch {
    // a full disk, a read-only one
  }
}

/** The sums. Never throws. */
export async function readUsage(home: string): Promise<Usage> {
  const path = join(home, 'usage.log');
  const bytes = await readSmall(path, MAX_FILE).catch(() => undefined);
  const usage = add(bytes?.toString('latin1') ?? '');
  if (bytes !== undefined && bytes.length > LONG) await shorten(path).catch(() => undefined);
  return usage;
}

function add(text: string): Usage {
  const sums = { deltas: 0, received: 0, sent: 0 };
  for (const [, name, digits] of text.matchAll(/^(deltas|received|sent) (\d{1,15})$/gm))
    sums[name as keyof Usage] += Number(digits);
  return sums;
}

// Only one of several readers gets hold of the file; additions meanwhile start the next one.
async function shorten(path: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  await rename(path, aside);
  const usage = add((await readSmall(aside, MAX_FILE))?.toString('latin1') ?? '');
  await rm(aside);
  const text = NAMES.map((name) => `${name} ${usage[name]}\n`).join('');
  await appendFile(path, text, { mode: 0o600 }).catch(() => writeAtomic(path, text));
}
