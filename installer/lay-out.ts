/**
 * Brings the files of payloads to where they are staged: the one part of a transaction that is much work, and that another thread can do.
 *
 * In: a verified release, and for each file that is to be written its path, owner, permissions and time. Out: all of them are written and were checked,
 * or an error, and then whatever was written is to be thrown away. Links, directories and devices are not its business (stage.ts).
 */
import { createHash } from 'node:crypto';
import { pathToText } from '../model/bytes.js';
import { digestOf } from '../system/digest.js';
import { GtpkgError } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import type { PayloadSink, VerifiedRelease } from '../model/release.js';
import type { Attributes, Disk } from './disk.js';

/** A file to be made: plain data, so that it reaches another thread. */
export interface FileTarget extends Attributes {
  /** below the root, one character a byte */
  readonly path: string;
  readonly mtime: number;
  /** its MD5 is wanted, for dpkg's records: taken while the bytes are at hand */
  readonly md5?: boolean;
}

/** By path in the manifest: MD5 in hex of those that were to have one. */
export type Digests = ReadonlyMap<string, string>;

/** By path in the manifest. Files without a target are read and checked, not written. */
export type FileTargets = ReadonlyMap<string, FileTarget>;

/** Hears of bytes as they are written. */
export type Advance = (bytes: number) => void;

/** Who does it. Calls come for all releases of a transaction at once; how many run at a time is its own affair. */
export interface LayOut {
  /** @throws GtpkgError PAYLOAD_CORRUPT, what extract() throws; the system's errors */
  files(release: VerifiedRelease, targets: FileTargets, advance: Advance): Promise<Digests>;
  /** Ends what runs and what waits, with errors. Nothing is written any more when this has resolved. */
  stop(): Promise<void>;
}

/** Payloads extracted at once in one thread: waiting for peers and disk overlap, and memory stays bounded. */
const PARALLEL = 2;

/** In this thread. */
export class LayOutHere implements LayOut {
  readonly #disk: Disk;
  readonly #running = new Set<Promise<void>>();
  #stopped = false;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async files(release: VerifiedRelease, targets: FileTargets, advance: Advance): Promise<Digests> {
    while (this.#running.size >= PARALLEL) await Promise.race(this.#running);
    if (this.#stopped) throw stopped();
    const work = this.#extract(release, targets, advance);
    const over = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(over);
    void over.then(() => this.#running.delete(over));
    return work;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #extract(release: VerifiedRelease, targets: FileTargets, advance: Advance): Promise<Digests> {
    const sink = new FileSink(this.#disk, targets, (bytes) => {
      if (this.#stopped) throw stopped();
      advance(bytes);
    });
    await release.extract(sink);
    sink.complete();
    return sink.digests;
  }
}

/** Writes files as they come out of a payload. */
export class FileSink implements PayloadSink {
  readonly isTransient = true;
  readonly #disk: Disk;
  readonly #targets: FileTargets;
  readonly #advance: Advance;
  readonly #written = new Set<string>();
  readonly #digests = new Map<string, string>();

  constructor(disk: Disk, targets: FileTargets, advance: Advance) {
    this.#disk = disk;
    this.#targets = targets;
    this.#advance = advance;
  }

  /** Of what was written so far. */
  get digests(): Digests {
    return this.#digests;
  }

  entry(): void {
    // not ours
  }

  file(entry: ManifestEntry, chunks: Chunks): Promise<void> | void {
    const target = this.#targets.get(entry.path);
    if (!Array.isArray(chunks)) return this.#large(entry, target, chunks as AsyncIterable<Uint8Array>);
    const bytes = (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)) as Uint8Array;
    if (bytes.length !== entry.size) throw wrongSize(entry, bytes.length);
    if (target !== undefined) {
      this.#disk.create(target.path, bytes, target);
      this.#written.add(entry.path);
      if (target.md5 === true) this.#digests.set(entry.path, digestOf('md5', bytes));
    }
    this.#advance(entry.size);
  }

  /** @throws GtpkgError PAYLOAD_CORRUPT when a file did not come */
  complete(): void {
    for (const path of this.#targets.keys()) {
      if (this.#written.has(path)) continue;
      throw new GtpkgError('PAYLOAD_CORRUPT', `the payload lacks /${pathToText(path)}`, {
        data: { path: pathToText(path) },
      });
    }
  }

  async #large(
    entry: ManifestEntry,
    target: FileTarget | undefined,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    let length = 0;
    const hash = target?.md5 === true ? createHash('md5') : undefined;
    const counted = async function* (advance: Advance): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        length += chunk.length;
        if (length > entry.size) throw wrongSize(entry, length);
        hash?.update(chunk);
        yield chunk;
        advance(chunk.length);
      }
    };
    if (target === undefined) for await (const _ of counted(this.#advance));
    else await this.#disk.createFrom(target.path, counted(this.#advance), target);
    if (length !== entry.size) throw wrongSize(entry, length);
    if (target !== undefined) this.#written.add(entry.path);
    if (hash !== undefined) this.#digests.set(entry.path, hash.digest('hex'));
  }
}

type Chunks = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

function wrongSize(entry: ManifestEntry, length: number): GtpkgError {
  return new GtpkgError(
    'PAYLOAD_CORRUPT',
    `/${pathToText(entry.path)} has not the size that its manifest says`,
    { data: { path: pathToText(entry.path), expected: entry.size, actual: length } },
  );
}

/** What those end with that were stopped because another one failed. */
export function stopped(): GtpkgError {
  return new GtpkgError('INTERNAL', 'stopped, because another release could not be laid out');
}
