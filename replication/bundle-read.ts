/**
 * Reads a bundle: where its records are, and what of them is genuine. docs/formats/bundle.md §5.
 *
 * The file is hostile, may end anywhere, and may change while it is read. Looking over it reads the heads of its records only; reading stops at
 * the first that is not as it must be, and what stands before that is used. Every later read is checked against a key.
 */
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import crypto from 'hypercore-crypto';
import { encodeCoreKey, GtpkgError, limits, type CoreKey, type CoreRef } from '../model/index.js';
import {
  CORE_HEAD,
  decodeCoreHead,
  decodeHead,
  decodeList,
  HEAD,
  KINDS,
  MAGIC,
  type BundleList,
  type Kind,
} from './bundle-format.js';
import type { FileRange, StaticPart } from './contract.js';
import { openRegular, readAt } from './disk.js';
import { VerifiedLog } from './log-proof.js';
import { blockCount } from './merkle.js';
import { LEAF, shapeFromLeaves } from './static-part.js';

/** What was found when the file was looked over. */
interface Found {
  readonly logs: Map<CoreKey, FileRange>;
  readonly cores: Map<CoreKey, StaticPart>;
  list: BundleList;
  damage: string | undefined;
}

/** An open bundle. */
export class Bundle {
  readonly #file: FileHandle;
  readonly #found: Found;
  readonly byteLength: number;

  private constructor(file: FileHandle, byteLength: number, found: Found) {
    this.#file = file;
    this.byteLength = byteLength;
    this.#found = found;
  }

  /** @throws GtpkgError BUNDLE_MALFORMED when it is none; FILE_NOT_FOUND, PERMISSION, USAGE (no regular file), IO_ERROR */
  static async open(path: string): Promise<Bundle> {
    const file = await openRegular(path);
    try {
      const { size } = await file.stat();
      return new Bundle(file, size, await lookOver(file, resolve(path), size));
    } catch (cause) {
      await file.close();
      throw cause;
    }
  }

  /** What it was made to hold, as it says itself. */
  get list(): BundleList {
    return this.#found.list;
  }

  /** Where and how it ends before its end; undefined when it is whole as far as its frame tells. */
  get damage(): string | undefined {
    return this.#found.damage;
  }

  /** Index cores in it. */
  get logs(): ReadonlyMap<CoreKey, FileRange> {
    return this.#found.logs;
  }

  /** Static cores in it, the last perhaps in part. */
  get cores(): ReadonlyMap<CoreKey, StaticPart> {
    return this.#found.cores;
  }

  /** Whether the file is long enough to have all of a core in it. Says nothing of what is there. */
  holds(ref: CoreRef): boolean {
    const part = this.#found.cores.get(ref.key);
    const leaves = blockCount(ref.byteLength) * LEAF;
    return (
      part?.ref.byteLength === ref.byteLength && part.leavesAt + leaves + ref.byteLength <= this.byteLength
    );
  }

  /** A part of an index core, checked. @throws GtpkgError CORE_MISMATCH, BLOCKS_MISSING */
  async log(key: CoreKey): Promise<VerifiedLog> {
    const range = this.#found.logs.get(key);
    if (range === undefined) throw this.#lacks(key);
    const log = new VerifiedLog(await readAt(this.#file, range.offset, range.length));
    if (log.key === key) return log;
    throw this.#lacks(key);
  }

  /** All bytes of a core, checked: for small ones. @throws GtpkgError BLOCKS_MISSING, CORE_MISMATCH */
  async bytes(ref: CoreRef): Promise<Uint8Array> {
    const part = this.#found.cores.get(ref.key);
    if (part === undefined || !this.holds(ref)) throw this.#lacks(ref.key);
    const leaves = await readAt(this.#file, part.leavesAt, blockCount(ref.byteLength) * LEAF);
    shapeFromLeaves(ref, leaves);
    const bytes = await readAt(this.#file, part.leavesAt + leaves.length, ref.byteLength);
    if (bytes.length < ref.byteLength) throw this.#lacks(ref.key);
    for (let index = 0; index * LEAF < leaves.length; index++) {
      const start = index * limits.RELEASE_CHUNK;
      const hash = crypto.data(bytes.subarray(start, start + limits.RELEASE_CHUNK));
      if (!hash.equals(leaves.subarray(index * LEAF, (index + 1) * LEAF))) throw this.#lacks(ref.key);
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #lacks(key: CoreKey): GtpkgError {
    return new GtpkgError('BLOCKS_MISSING', `core ${key} is not in the bundle, or not whole`, {
      hint: 'Copy the bundle again.',
      data: { missing: [{ core: key }] },
    });
  }
}

async function lookOver(file: FileHandle, path: string, size: number): Promise<Found> {
  const magic = await readAt(file, 0, MAGIC.length);
  if (!magic.equals(MAGIC)) throw noBundle(path, magic);
  const found: Found = {
    logs: new Map(),
    cores: new Map(),
    list: { distributions: [], releases: [] },
    damage: undefined,
  };
  let last: Kind | undefined;
  let records = 0;
  for (let at = MAGIC.length; last !== 'end ';) {
    const stop = (why: string): Found => ({ ...found, damage: `${why} at byte ${at} of ${size}` });
    if (at >= size) return stop('it ends early');
    const head = decodeHead(await readAt(file, at, HEAD));
    if (head === undefined) return stop(size - at < HEAD ? 'it ends early' : 'it is damaged');
    const { kind, length } = head;
    const offset = at + HEAD;
    if (++records > limits.MAX_BUNDLE_RECORDS || !follows(kind, last)) return stop('it is damaged');
    const whole = length <= size - offset;
    if (kind === 'core') {
      const front = await readAt(file, offset, CORE_HEAD);
      if (front.length < CORE_HEAD) return stop('it ends early');
      const ref = decodeCoreHead(front, length);
      if (ref === undefined || found.cores.has(ref.key)) return stop('it is damaged');
      found.cores.set(ref.key, { path, ref, leavesAt: offset + CORE_HEAD });
    } else if (!whole) return stop('it ends early');
    else if (kind === 'list') {
      const list =
        length > limits.MAX_BUNDLE_LIST ? undefined : decodeList(await readAt(file, offset, length));
      if (list === undefined) return stop('it is damaged');
      found.list = list;
    } else if (kind === 'log ') {
      if (length < 32 || length > limits.MAX_BUNDLE_LOG || found.logs.size >= limits.MAX_BUNDLE_SOURCES)
        return stop('it is damaged');
      const key = await readAt(file, offset, 32);
      if (key.length < 32) return stop('it ends early');
      const name = encodeCoreKey(key);
      if (found.logs.has(name)) return stop('it is damaged');
      found.logs.set(name, { path, offset, length });
    } else if (length !== 0 || offset !== size) return stop('bytes follow its end');
    if (!whole) return stop('it ends early');
    last = kind;
    at = offset + length;
  }
  return found;
}

// The list once and first; then each kind after the one before.
function follows(kind: Kind, last: Kind | undefined): boolean {
  if (last === undefined || kind === 'list') return last === undefined && kind === 'list';
  return KINDS.indexOf(kind) >= KINDS.indexOf(last);
}

function noBundle(path: string, magic: Buffer): GtpkgError {
  const ours = magic.toString('latin1').startsWith('gtpkg bundle ');
  const begun = magic.length < MAGIC.length && MAGIC.subarray(0, magic.length).equals(magic);
  return new GtpkgError(
    'BUNDLE_MALFORMED',
    `${path} is no bundle${begun ? ': it ends after a few bytes' : ''}`,
    {
      hint: begun
        ? 'Copy it again.'
        : ours
          ? 'It was made by another version of gtpkg, or damaged when it was copied as text.'
          : 'gtpkg bundle export makes one.',
      data: { path },
    },
  );
}
