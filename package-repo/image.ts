/**
 * Writes a release image (docs/formats/release-core.md) from a package repository: streaming, in one pass over the contents, which
 * are all hashed on the way. The image depends on the signed tag and what it names, and on nothing else.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import {
  BlobHasher,
  parseCommit,
  parseTag,
  writeAtomically,
  writePack,
  type PackItem,
  type Repository,
} from '../git/index.js';
import { GtpkgError, type ManifestEntry, type Oid, type ReleaseId, type Sha256 } from '../model/index.js';
import { notFound, openReleases } from './compose.js';
import { parseTagMessage, releaseTitle, tagRef } from './format.js';
import { encodeHeader, HEADER_SIZE, type Section } from './image-format.js';
import { defaultLevel, payloadLength } from './payload.js';
import { packOrder, readRelease, rootId256, type ReadRelease } from './release.js';
import { buildDataTree, readDataTree, type BlobIds, type DataBlob } from './trees.js';
import { X86Filter } from './x86.js';
import { compress } from './zstd.js';

export interface ImageOptions {
  /** zstd level 1..22; default 19, or 20 for more than 8 MiB. Another level gives another image, and so another core key. */
  readonly level?: number;
  /** told how many bytes of the payload, before compression, are done */
  readonly onProgress?: (done: number, total: number) => void;
}

type Written = Omit<Section, 'name' | 'offset'>;

/**
 * Writes the image of a signed release to `outFile`, which appears whole or not at all.
 * @throws GtpkgError RELEASE_NOT_FOUND, SIGNATURE_MISSING (not signed yet), OBJECT_CORRUPT, RELEASE_MALFORMED, NO_SPACE, …
 */
export async function writeImage(
  repoDir: string,
  id: ReleaseId,
  outFile: string,
  options: ImageOptions = {},
): Promise<{ byteLength: number }> {
  const repository = await openReleases(repoDir);
  const signed = await readSigned(repository, id);
  const total = payloadLength(signed.release.manifest);
  const level = options.level ?? defaultLevel(total);
  return writeAtomically(outFile, async (file) => {
    const raw = gitSection(repository, signed.objects);
    const git = await writeSection({ file, at: HEADER_SIZE, raw, level: Math.min(level, 19) });
    const claimAt = HEADER_SIZE + git.length;
    const claimLength = signed.release.dataTree === undefined ? 0 : 32;
    const ids = new Map<string, BlobIds>();
    const contents = payload(repository, signed, ids);
    const onBytes = (done: number): void => options.onProgress?.(done, total);
    const files = await writeSection({
      file,
      at: claimAt + claimLength,
      raw: contents,
      level: total === 0 ? undefined : level,
      onBytes,
    });
    const tree256 = await writeSection({ file, at: claimAt, raw: [claim(signed, ids)] });
    const header = encodeHeader({ git, tree256, payload: files });
    await file.write(header, 0, header.length, 0);
    return { byteLength: claimAt + claimLength + files.length };
  });
}

/** A signed release as a repository holds it. */
export interface SignedRelease {
  /** what the tag says */
  readonly tree: Sha256;
  readonly release: ReadRelease;
  /** of the git section, in order */
  readonly objects: readonly Oid[];
  /** what is below `data/`, by path */
  readonly blobs: ReadonlyMap<string, DataBlob>;
}

/** @throws GtpkgError RELEASE_NOT_FOUND, SIGNATURE_MISSING, OBJECT_CORRUPT, … */
export async function readSigned(repository: Repository, id: ReleaseId): Promise<SignedRelease> {
  const tag = await repository.resolveRef(tagRef(id));
  if (tag === undefined) {
    throw new GtpkgError('SIGNATURE_MISSING', `${releaseTitle(id)} has no signed tag`, {
      hint: 'Sign it first: gtpkg package sign.',
      data: { ...id },
    });
  }
  const { object, message } = parseTag(await repository.readType(tag, 'tag'));
  const claims = parseTagMessage(message);
  if (releaseTitle(claims) !== releaseTitle(id)) throw notFound(id);
  const { tree } = parseCommit(await repository.readType(object, 'commit'));
  const release = await readRelease(tree, (oid) => repository.read(oid));
  const blobs = await readDataTree(release.dataTree, release.manifest, (oid) =>
    repository.readType(oid, 'tree'),
  );
  return { tree: claims.tree, release, objects: packOrder(tag, object, release), blobs };
}

// Stored, not deflated: zstd does better over the whole, and zlib's output differs between machines.
export async function* gitSection(repository: Repository, objects: readonly Oid[]): AsyncGenerator<Buffer> {
  const items: PackItem[] = [];
  for (const oid of objects) {
    const { type, size, content } = await repository.stream(oid);
    items.push({ type, size, content });
  }
  yield* writePack(items, { level: 0 });
}

// The files' contents; `ids` gets the ids of each.
async function* payload(
  repository: Repository,
  { release, blobs }: SignedRelease,
  ids: Map<string, BlobIds>,
): AsyncGenerator<Buffer> {
  for (const entry of release.manifest) {
    if (entry.type !== 'f') continue;
    const blob = await repository.stream(blobs.get(entry.path)?.oid as Oid);
    if (blob.type !== 'blob' || blob.size !== entry.size) throw differs(entry);
    const hasher = new BlobHasher(entry.size);
    const filter = new X86Filter('encode');
    for await (const chunk of blob.content()) {
      hasher.update(chunk);
      // a copy: the filter works in place
      yield filter.update(Buffer.from(chunk));
    }
    yield filter.end();
    const digests = hasher.digest();
    if (digests.sha256 !== entry.sha256) throw differs(entry);
    ids.set(entry.path, digests);
  }
}

// The data tree's SHA-256 id, which must be the one that the signed tag implies.
function claim({ tree, release }: SignedRelease, ids: ReadonlyMap<string, BlobIds>): Buffer {
  const data = buildDataTree(release.manifest, (entry) => ids.get(entry.path) as BlobIds);
  if (rootId256(release, data?.oid256) !== tree) {
    throw new GtpkgError('RELEASE_MALFORMED', 'The signed tag names another tree than the one it stands on', {
      hint: 'Nobody would accept this release. Raise the version, build and sign again.',
    });
  }
  return Buffer.from(data?.oid256 ?? '', 'hex');
}

interface SectionWork {
  readonly file: FileHandle;
  readonly at: number;
  readonly raw: AsyncIterable<Buffer> | Iterable<Buffer>;
  /** not compressed when undefined */
  readonly level?: number | undefined;
  readonly onBytes?: (done: number) => void;
}

async function writeSection({ file, at, raw, level, onBytes }: SectionWork): Promise<Written> {
  const hash = createHash('sha256');
  let length = 0;
  let rawLength = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of raw) {
      rawLength += chunk.length;
      onBytes?.(rawLength);
      yield chunk;
    }
  };
  const chunks = level === undefined ? counted() : compress(counted(), { level });
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let done = 0; done < chunk.length;) {
      done += (await file.write(chunk, done, chunk.length - done, at + length + done)).bytesWritten;
    }
    length += chunk.length;
  }
  return { length, rawLength, sha256: hash.digest('hex') as Sha256 };
}

function differs(entry: ManifestEntry): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `The manifest does not fit the contents of ${entry.path}`);
}
