/**
 * Arguments of calls on the daemon socket: read strictly, each when it is taken. docs/formats/daemon-socket.md.
 */
import { isAbsolute } from 'node:path';
import { GtpkgError, limits, parseCoreKey, type CoreKey, type CoreRef } from '../model/index.js';
import type { Holding } from './contract.js';

/** One call's arguments. All methods throw GtpkgError INTERNAL on what is not proper. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: unknown) {
    this.#values = typeof values === 'object' && values !== null ? (values as Record<string, unknown>) : {};
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string' || value.length > limits.MAX_PATH) throw wrong(name);
    return value;
  }

  /** An absolute one: the daemon's own directory means nothing to its clients. */
  path(name: string): string {
    const value = this.text(name);
    if (!isAbsolute(value)) throw new GtpkgError('INTERNAL', 'the daemon needs an absolute path');
    return value;
  }

  number(name: string): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw wrong(name);
    return value;
  }

  /** A number that may be left out. */
  optional(name: string): number | undefined {
    return this.#values[name] === undefined ? undefined : this.number(name);
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  list(name: string): readonly unknown[] {
    const value = this.#values[name];
    if (!Array.isArray(value) || value.length > limits.MAX_REFS) throw wrong(name);
    return value;
  }

  keys(name: string): CoreKey[] {
    return this.list(name).map((key) => parseCoreKey(String(key)));
  }

  ref(name: string): CoreRef {
    return toRef(this.#values[name]);
  }

  refs(name: string): CoreRef[] {
    return this.list(name).map(toRef);
  }

  wait(signal: AbortSignal): { signal: AbortSignal; timeout?: number } {
    return this.#values['timeout'] === undefined ? { signal } : { signal, timeout: this.number('timeout') };
  }

  /** Cuts a body into blocks whose sizes stand in the argument. */
  split(name: string, body: Buffer): Buffer[] {
    let at = 0;
    const blocks = this.list(name).map((size) => {
      if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw wrong(name);
      return body.subarray(at, (at += size));
    });
    if (at !== body.length) throw wrong(name);
    return blocks;
  }
}

/** `[key, bytes]`. @throws GtpkgError */
export function toRef(value: unknown): CoreRef {
  const [key, byteLength] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof byteLength !== 'number') throw wrong('ref');
  return { key: parseCoreKey(String(key)), byteLength };
}

function wrong(name: string): GtpkgError {
  return new GtpkgError('INTERNAL', `the daemon was given no proper "${name}"`);
}

/** The reverse of toRef. */
export function encodeRef(ref: CoreRef): unknown {
  return [ref.key, ref.byteLength];
}

/** Several texts of bytes as they travel: each behind its length, u32 little-endian. */
export async function* encodeParts(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(part.byteLength);
    yield Buffer.concat([length, part]);
  }
}

/** The reverse of encodeParts. @throws RangeError when it is cut short */
export function decodeParts(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at);
    if (end > bytes.length) throw new RangeError('cut short');
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return parts;
}

/** Holdings in one piece of JSON lines. */
const TOGETHER = 4096;

/** Holdings as they travel: one JSON array a line, `[key, bytes, held, seeders, used]`. */
export async function* encodeHoldings(holdings: readonly Holding[]): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < holdings.length; start += TOGETHER) {
    const rows = holdings
      .slice(start, start + TOGETHER)
      .map(({ key, byteLength, held, seeders, used }) =>
        JSON.stringify([key, byteLength, held, seeders, used]),
      );
    yield Buffer.from(`${rows.join('\n')}\n`);
  }
}

/** The reverse of encodeHoldings. */
export function decodeHoldings(bytes: Buffer): Holding[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [key, byteLength, held, seeders, used] = JSON.parse(line) as [
        string,
        number,
        number,
        number,
        number,
      ];
      return { key: parseCoreKey(key), byteLength, held, seeders, used };
    });
}
