/** Streams the files of a release that came as a delta into a sink, checking each, and at the end the tree of all of them. */
import { BlobHasher, type BlobDigests } from '../git/index.js';
import {
  GtpkgError,
  pathToText,
  type Basis,
  type ManifestEntry,
  type PayloadSink,
  type Sha256,
} from '../model/index.js';
import { DeltaReader, type DeltaStreams } from './delta-read.js';
import type { ReadRelease } from './release.js';
import { buildDataTree } from './trees.js';

/** A delta and what must come out of it. */
export interface DeltaPayload {
  readonly streams: DeltaStreams;
  readonly basis: Basis;
  readonly release: ReadRelease;
  /** SHA-256 id of the `data/` tree, proven by the signed id of the root tree */
  readonly claim: Sha256 | undefined;
}

/**
 * Calls the sink for every manifest entry, in order, one at a time, as extractPayload() does.
 * @throws GtpkgError DELTA_UNUSABLE when delta and basis do not give just that release; what source and sink throw
 */
export async function extractDelta(payload: DeltaPayload, sink: PayloadSink): Promise<void> {
  try {
    await extractAll(payload, sink);
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || cause.code !== 'DELTA_UNUSABLE') throw cause;
    throw new GtpkgError(cause.code, cause.message, {
      hint: 'The release itself can be fetched instead: --no-deltas.',
      data: { ...cause.data, package: payload.release.control.name },
      cause,
    });
  }
}

async function extractAll(payload: DeltaPayload, sink: PayloadSink): Promise<void> {
  const { release, claim } = payload;
  const reader = DeltaReader.open(payload.streams, payload.basis);
  const found = new Map<string, BlobDigests>();
  try {
    await reader.manifest();
    for (const entry of release.manifest) {
      if (entry.type !== 'f') await sink.entry(entry);
      else found.set(entry.path, await extractFile(reader, entry, sink));
    }
    await made(reader.end());
    const data = buildDataTree(
      release.manifest,
      (entry) => found.get(entry.path) ?? unusable('a file is missing'),
    );
    if (data?.oid !== release.dataTree || data?.oid256 !== claim) unusable('its tree is not the signed one');
  } finally {
    await reader.close();
  }
}

async function extractFile(
  reader: DeltaReader,
  entry: ManifestEntry,
  sink: PayloadSink,
): Promise<BlobDigests> {
  const hasher = new BlobHasher(entry.size);
  const contents = reader.file(entry);
  let result: BlobDigests | undefined;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = await made(contents.next()); next.done !== true; next = await made(contents.next())) {
      hasher.update(next.value);
      yield next.value;
    }
    result ??= check(hasher, entry);
  };
  try {
    await sink.file(entry, chunks());
    // a sink that stopped early changes nothing
    if (result === undefined) for await (const _ of chunks());
  } finally {
    await contents.return(undefined);
  }
  return result ?? unusable('a file is missing');
}

function check(hasher: BlobHasher, entry: ManifestEntry): BlobDigests {
  let digests: BlobDigests | undefined;
  try {
    digests = hasher.digest();
  } catch {
    // another size: other contents
  }
  if (digests?.sha256 === entry.sha256 && digests !== undefined) return digests;
  return unusable(`the contents of "${pathToText(entry.path)}" are not the signed ones`);
}

// What is wrong with the delta is one thing to whoever asked for it: the release must be had in another way.
async function made<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || !['RELEASE_MALFORMED', 'LIMIT_EXCEEDED'].includes(cause.code))
      throw cause;
    throw new GtpkgError('DELTA_UNUSABLE', cause.message, { cause });
  }
}

function unusable(what: string): never {
  throw new GtpkgError('DELTA_UNUSABLE', `The delta does not give the release: ${what}`);
}
