/**
 * Frames of the daemon socket. docs/formats/daemon-socket.md.
 *
 *     u32le length of the rest · u32le length of the header · header (JSON, UTF-8) · body (bytes, may be empty)
 *
 * A frame is at most MAX_FRAME; the reader holds one frame, no more. What violates the format ends the connection.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ERROR_CODES, GtpkgError, limits, type ErrorCode } from '../model/index.js';
import { readSmall, writeAtomic } from './disk.js';

/** Version of the conversation; both ends must speak the same. */
export const VERSION = 1;
/** Bytes of one data frame of a read, and how many may be on their way unacknowledged. */
export const DATA_FRAME = 512 * 1024;
export const DATA_WINDOW = 4 * 1024 * 1024;
/** While calls are pending the daemon shows that it lives. */
export const BEAT = 2000;
/** A path of a Unix socket, its final NUL left out. */
const MAX_SOCKET_PATH = 107;

/** A header: one flat JSON object. */
export type Header = Readonly<Record<string, unknown>>;

const EMPTY = Buffer.alloc(0);

/** One end of a connection. */
export class FrameSocket {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #drained: Promise<void> | undefined;
  /** called for every frame, in order */
  onFrame: (header: Header, body: Buffer) => void = () => undefined;
  /** called once, with the reason when it was not a plain end */
  onClose: (cause?: Error) => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    let cause: Error | undefined;
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#take(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => (cause = error));
    socket.on('close', () => this.onClose(cause));
  }

  /** Sends a frame; resolves when the socket wants more. @throws GtpkgError LIMIT_EXCEEDED */
  async send(header: Header, body: Uint8Array = EMPTY): Promise<void> {
    if (this.#socket.destroyed) return;
    const json = Buffer.from(JSON.stringify(header));
    const length = 4 + json.length + body.byteLength;
    if (length > limits.MAX_FRAME)
      throw new GtpkgError(
        'LIMIT_EXCEEDED',
        `a message of ${length} bytes is too large for the daemon socket`,
      );
    const head = Buffer.allocUnsafe(8);
    head.writeUInt32LE(length, 0);
    head.writeUInt32LE(json.length, 4);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(json);
    const ready = body.byteLength === 0 ? !this.#socket.writableNeedDrain : this.#socket.write(body);
    this.#socket.uncork();
    if (!ready) await this.#drain();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Lets the process end although the connection stands. */
  unref(): void {
    this.#socket.unref();
  }

  ref(): void {
    this.#socket.ref();
  }

  #drain(): Promise<void> {
    this.#drained ??= new Promise<void>((resolve) => {
      const over = (): void => {
        this.#socket.off('drain', over);
        this.#socket.off('close', over);
        this.#drained = undefined;
        resolve();
      };
      this.#socket.on('drain', over);
      this.#socket.on('close', over);
    });
    return this.#drained;
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (this.#buffered >= 4) {
      const length = this.#peek(4).readUInt32LE(0);
      if (length < 4 || length > limits.MAX_FRAME) throw malformed(`a frame of ${length} bytes`);
      if (this.#buffered < 4 + length) return;
      const frame = this.#peek(4 + length);
      const headerLength = frame.readUInt32LE(4);
      if (headerLength > length - 4) throw malformed('a header longer than its frame');
      const header: unknown = JSON.parse(frame.toString('utf8', 8, 8 + headerLength));
      if (typeof header !== 'object' || header === null || Array.isArray(header))
        throw malformed('a header that is no object');
      const [first, ...rest] = this.#chunks; // #peek has put the frame into the first
      const more = first !== undefined && first.length > frame.length ? [first.subarray(frame.length)] : [];
      this.#chunks = [...more, ...rest];
      this.#buffered -= frame.length;
      this.onFrame(header as Header, frame.subarray(8 + headerLength));
    }
  }

  /** The first `length` bytes buffered, in one piece. */
  #peek(length: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const whole = Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole.subarray(0, length);
  }
}

function malformed(what: string): Error {
  return new Error(`the daemon socket carried ${what}`);
}

/** An error as it travels. */
export function encodeError(error: unknown): unknown {
  const known =
    error instanceof GtpkgError
      ? error
      : new GtpkgError('INTERNAL', error instanceof Error ? error.message : String(error));
  return known.toJSON();
}

/** The error that encodeError wrote. */
export function decodeError(value: unknown): GtpkgError {
  const { code, message, hint, data } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const known =
    typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL';
  return new GtpkgError(known, typeof message === 'string' ? message : 'the daemon failed', {
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(typeof data === 'object' && data !== null ? { data: data as Record<string, unknown> } : {}),
  });
}

/**
 * Where the daemon of a home listens: `<home>/daemon.sock`; when that is too long for a socket, a name made from the home in a
 * directory that only this user can enter, noted in `<home>/daemon.path`.
 * @param make - true for the daemon: makes the directory and the note
 * @returns undefined when there is no such place that is safe
 */
export async function socketPath(home: string, make: boolean): Promise<string | undefined> {
  const plain = join(home, 'daemon.sock');
  if (Buffer.byteLength(plain) <= MAX_SOCKET_PATH) return plain;
  const note = join(home, 'daemon.path');
  if (!make) {
    const noted = (await readSmall(note, 4096).catch(() => undefined))?.toString('utf8').trim();
    return noted !== undefined && (await isPrivate(dirname(noted))) ? noted : undefined;
  }
  const user = process.getuid?.() ?? 0;
  const directory = join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `gtpkg-${user}`);
  await mkdir(directory, { mode: 0o700, recursive: true }).catch(() => undefined); // isPrivate judges the result
  const path = join(directory, `${createHash('sha256').update(home).digest('hex').slice(0, 16)}.sock`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH || !(await isPrivate(directory))) return undefined;
  await writeAtomic(note, `${path}\n`);
  return path;
}

/** Ours, a directory, and closed to others. */
async function isPrivate(directory: string): Promise<boolean> {
  const stat = await lstat(directory).catch(() => undefined);
  return (
    stat !== undefined && stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0
  );
}

/** Removes the socket and the note. */
export async function removeSocket(home: string, path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
  await rm(join(home, 'daemon.path'), { force: true }).catch(() => undefined);
}
