/** The frozen vectors of format 1: what stands in fixtures/vectors/vectors.json, and how the readers are asked. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseCommit, readPack, type GitObject } from '../../git/index.js';
import { parseShard, TrustedIndex } from '../../index-repo/index.js';
import { computeIds } from '../../index-repo/object-ids.js';
import {
  limits,
  parseFingerprint,
  parseIntroduction,
  parseManifest,
  type CoreKey,
  type Oid,
  type ReleasePin,
} from '../../model/index.js';
import { verifyRelease } from '../../package-repo/index.js';
import { PublicKey } from '../../trust/index.js';
import { bytesSource, extract } from '../package-repo/support.js';

export const FOLDER = fileURLToPath(new URL('../../../fixtures/vectors/', import.meta.url));

interface Common {
  /** path below fixtures/vectors */
  readonly file: string;
  /** what it is, in a line */
  readonly what: string;
  /** 'ok', or the code with which it must be refused */
  readonly expect: string;
}

/** A git pack with all objects of an index, as a new client gets it; `head` is claimed to be its newest commit. */
export interface IndexVector extends Common {
  readonly kind: 'index';
  readonly introduction: string;
  readonly head: Oid;
  /** the client's clock, RFC 3339 */
  readonly now: string;
}

/** A release image, and the pin under which it is listed. */
export interface ReleaseVector extends Common {
  readonly kind: 'release';
  readonly pin: Omit<ReleasePin, 'core'>;
  /** file of the signer's public key, below fixtures/vectors */
  readonly key: string;
  readonly now: string;
}

/** A shard of index entries, or a manifest. */
export interface TextVector extends Common {
  readonly kind: 'shard' | 'manifest';
}

export type Vector = IndexVector | ReleaseVector | TextVector;

/** The objects of a pack. @throws GtpkgError PACK_MALFORMED, LIMIT_EXCEEDED */
export async function objectsOf(pack: Uint8Array): Promise<Map<Oid, GitObject>> {
  const objects = new Map<Oid, GitObject>();
  const bounds = { maxObjects: 1000, maxObjectSize: limits.MAX_SHARD, maxTotal: limits.MAX_INDEX_UNPACKED };
  for await (const { oid, type, body } of readPack(pack, bounds)) objects.set(oid, { type, body });
  return objects;
}

async function readIndex(bytes: Uint8Array, { introduction, head, now }: IndexVector): Promise<void> {
  const objects = await objectsOf(bytes);
  const commits: GitObject[] = [];
  for (let oid: Oid | undefined = head; oid !== undefined;) {
    const object = objects.get(oid);
    if (object === undefined) break;
    commits.unshift(object);
    oid = parseCommit(object.body).parents[0];
  }
  await TrustedIndex.start(parseIntroduction(introduction)).update({
    commits,
    cosignatures: [...objects.values()].filter(({ type }) => type === 'tag'),
    lookup: (oid) => objects.get(oid),
    ids: computeIds(objects, new Map()),
    now: new Date(now),
  });
}

async function readImage(bytes: Uint8Array, { pin, key, now }: ReleaseVector): Promise<void> {
  const keys = [await PublicKey.parse(await readFile(FOLDER + key, 'utf8'))];
  const core = { key: 'k' as CoreKey, byteLength: bytes.length };
  const whole = { ...pin, signer: parseFingerprint(pin.signer), core };
  await extract(await verifyRelease({ source: bytesSource(bytes), pin: whole, keys, now: new Date(now) }));
}

/** Asks our reader. @throws GtpkgError with the expected code, when the vector is a bad one */
export async function read(vector: Vector, bytes: Buffer): Promise<void> {
  if (vector.kind === 'index') await readIndex(bytes, vector);
  else if (vector.kind === 'release') await readImage(bytes, vector);
  else if (vector.kind === 'manifest') parseManifest(bytes);
  else parseShard(bytes);
}
