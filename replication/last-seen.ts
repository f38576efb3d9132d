/**
 * When somebody who had all of an unfinished core was last connected: `<home>/last-seen.json`. docs/formats/swarm.md.
 *
 * Only cores that a fetch is waiting for are kept, at most MAX_LAST_SEEN, longest unseen out first; one that is complete is
 * forgotten. So the file stays small whatever is installed, and what it is for (saying when a missing block could last be had) is there
 * after any kill. Losing it loses one sentence of an error.
 */
import { join } from 'node:path';
import { limits, parseCoreKey, type CoreKey } from '../model/index.js';
import { readSmall, writeAtomic } from './disk.js';

const FORMAT = 'gtpkg-last-seen 1';
const MAX_FILE = 256 * 1024;
/** A kill loses this much at most. */
const SAVE_AFTER = 2000;
/** Seen again so soon is not worth a write. */
const SAME = 60_000;

export class LastSeen {
  readonly #path: string;
  readonly #seen = new Map<CoreKey, number>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** A file that cannot be understood counts as empty. */
  static async open(home: string): Promise<LastSeen> {
    const all = new LastSeen(join(home, 'last-seen.json'));
    const bytes = await readSmall(all.#path, MAX_FILE).catch(() => undefined);
    for (const [key, time] of parse(bytes)) all.#seen.set(key, time);
    return all;
  }

  /** Somebody who holds all of these is connected right now. */
  note(key: CoreKey, now = Date.now()): void {
    const before = this.#seen.get(key);
    if (before !== undefined && Math.abs(now - before) < SAME) return;
    this.#seen.delete(key);
    this.#seen.set(key, now);
    if (this.#seen.size > limits.MAX_LAST_SEEN) {
      const [oldest] = this.#seen.keys();
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    this.#later();
  }

  /** It is here, whole. */
  forget(key: CoreKey): void {
    if (this.#seen.delete(key)) this.#later();
  }

  /** RFC 3339 */
  of(key: CoreKey): string | undefined {
    const time = this.#seen.get(key);
    return time === undefined ? undefined : new Date(time).toISOString();
  }

  /** Writes what is pending. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#save();
    await this.#writing;
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#save(), SAVE_AFTER).unref();
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const cores = Object.fromEntries([...this.#seen.keys()].map((key) => [key, this.of(key)]));
    const text = `${JSON.stringify({ format: FORMAT, cores }, null, 1)}\n`;
    this.#writing = this.#writing.then(() => writeAtomic(this.#path, text)).catch(() => undefined);
  }
}

function parse(bytes: Buffer | undefined): [CoreKey, number][] {
  if (bytes === undefined) return [];
  try {
    const file = JSON.parse(bytes.toString('utf8')) as { format?: unknown; cores?: unknown };
    if (file.format !== FORMAT || typeof file.cores !== 'object' || file.cores === null) return [];
    return Object.entries(file.cores)
      .slice(0, limits.MAX_LAST_SEEN)
      .map(([key, time]): [CoreKey, number] => [parseCoreKey(key), Date.parse(String(time))])
      .filter(([, time]) => !Number.isNaN(time));
  } catch {
    return [];
  }
}
