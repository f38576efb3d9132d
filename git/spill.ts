/**
 * Bytes put aside in one process: in memory while they are few, else in a file without a name, so that nothing is left however the process
 * ends. Synchronous: what is put aside is small and in the page cache.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GtpkgError } from '../model/index.js';
import { ioError } from './io.js';

/** What is gathered before it is written. */
const BATCH = 1 << 20;

/** One heap of bytes; use until close(). */
export class Spill {
  readonly #dir: string;
  readonly #most: number;
  #file: number | undefined;
  /** what is in the file, in bytes */
  #written = 0;
  #parts: { at: number; bytes: Uint8Array }[] = [];
  #waiting = 0;

  /**
   * @param dir - where the file goes if there is one
   * @param most - bytes to hold in memory
   */
  constructor(dir: string, most: number) {
    this.#dir = dir;
    this.#most = most;
  }

  /** Puts bytes aside, which must not change from then on. Gives their place. @throws GtpkgError NO_SPACE, IO_ERROR, … */
  put(bytes: Uint8Array): number {
    const at = this.#written + this.#waiting;
    this.#parts.push({ at, bytes });
    this.#waiting += bytes.length;
    if (this.#waiting > (this.#file === undefined ? this.#most : BATCH)) this.#flush();
    return at;
  }

  /** The bytes at a place that put() gave. @throws GtpkgError IO_ERROR */
  take(at: number, length: number): Buffer {
    if (at >= this.#written) {
      let [low, high] = [0, this.#parts.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if ((this.#parts[middle]?.at ?? 0) <= at) low = middle;
        else high = middle - 1;
      }
      const part = this.#parts[low];
      if (part === undefined || part.at + part.bytes.length < at + length)
        throw new GtpkgError('INTERNAL', 'nothing was put aside at this place');
      return Buffer.from(part.bytes.buffer, part.bytes.byteOffset + at - part.at, length);
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      for (let have = 0; have < length;) {
        const count = readSync(this.#file ?? -1, bytes, have, length - have, at + have);
        if (count === 0)
          throw new GtpkgError('IO_ERROR', `a file without a name in ${this.#dir} was cut short`);
        have += count;
      }
    } catch (cause) {
      throw ioError(cause, `Cannot read what was put aside in ${this.#dir}`);
    }
    return bytes;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#parts = [];
  }

  #flush(): void {
    try {
      this.#file ??= nameless(this.#dir);
      const batch = Buffer.concat(this.#parts.map(({ bytes }) => bytes));
      for (let done = 0; done < batch.length;)
        done += writeSync(this.#file, batch, done, batch.length - done, this.#written + done);
      this.#written += batch.length;
    } catch (cause) {
      throw ioError(cause, `Cannot write in ${this.#dir}`);
    }
    this.#parts = [];
    this.#waiting = 0;
  }
}

function nameless(dir: string): number {
  const path = join(dir, `tmp_${randomBytes(8).toString('hex')}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}
