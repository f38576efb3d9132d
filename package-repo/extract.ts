/**
 * Streams a payload into a sink. The tar is never parsed: every header is made again from the signed manifest and compared, so there is
 * nothing in it that the manifest does not say.
 */
import { BlobHasher, type BlobDigests } from '../git/index.js';
import {
  GtpkgError,
  pathToText,
  type ByteSource,
  type ManifestEntry,
  type PayloadSink,
  type Sha256,
} from '../model/index.js';
import type { Section } from './image-format.js';
import { tarHeader, tarPadding, TAR_END } from './payload.js';
import { ByteReader } from './reader.js';
import type { ReadRelease } from './release.js';
import { sectionBytes } from './section.js';
import { buildDataTree } from './trees.js';
import { decompress } from './zstd.js';

/** A payload and what it must be. */
export interface Payload {
  readonly source: ByteSource;
  readonly section: Section;
  readonly release: ReadRelease;
  /** SHA-256 id of the `data/` tree, proven by the signed id of the root tree */
  readonly claim: Sha256 | undefined;
}

/**
 * Calls the sink for every manifest entry, in order, one at a time.
 * @throws GtpkgError PAYLOAD_CORRUPT for any difference; what source and sink throw
 */
export async function extractPayload(payload: Payload, sink: PayloadSink): Promise<void> {
  const { release, section, source, claim } = payload;
  const reader = new ByteReader(section.length === 0 ? [] : payloadBytes(source, section));
  const found = new Map<string, BlobDigests>();
  try {
    for (const entry of release.manifest) {
      if (entry.type !== 'f') {
        await sink.entry(entry);
        continue;
      }
      await expect(reader, tarHeader(entry), entry);
      found.set(entry.path, await extractFile({ reader, entry, release }, sink));
      await expect(reader, tarPadding(entry.size), entry);
    }
    if (section.rawLength > 0) await expect(reader, TAR_END);
    if (!(await reader.atEnd())) throw corrupt('bytes follow its end');
    const data = buildDataTree(release.manifest, (entry) => found.get(entry.path) ?? missing(entry));
    if (data?.oid !== release.dataTree || data?.oid256 !== claim)
      throw corrupt('its tree is not the signed one');
  } finally {
    await reader.close();
  }
}

// Damage below shows as damage of the payload; what the source itself throws (a block that no peer has) stays what it is.
async function* payloadBytes(source: ByteSource, section: Section): AsyncGenerator<Buffer> {
  try {
    yield* decompress(sectionBytes(source, section), { maxOutput: section.rawLength });
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || !['RELEASE_MALFORMED', 'LIMIT_EXCEEDED'].includes(cause.code))
      throw cause;
    throw new GtpkgError('PAYLOAD_CORRUPT', `The payload is damaged: ${cause.message}`, { cause });
  }
}

interface FileWork {
  readonly reader: ByteReader;
  readonly entry: ManifestEntry;
  readonly release: ReadRelease;
}

async function extractFile({ reader, entry, release }: FileWork, sink: PayloadSink): Promise<BlobDigests> {
  const hasher = new BlobHasher(entry.size);
  const end = reader.position + entry.size;
  let result: BlobDigests | GtpkgError | undefined;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of reader.stream(end - reader.position)) {
      hasher.update(chunk);
      yield chunk;
    }
    result ??= check(hasher, entry, release);
    if (result instanceof GtpkgError) throw result;
  };
  await sink.file(entry, chunks());
  // a sink that stopped early, or that caught what the chunks threw, changes nothing
  if (result === undefined) for await (const _ of chunks());
  if (result instanceof GtpkgError) throw result;
  return result ?? missing(entry);
}

function check(hasher: BlobHasher, entry: ManifestEntry, release: ReadRelease): BlobDigests | GtpkgError {
  try {
    const digests = hasher.digest();
    if (digests.sha256 === entry.sha256 && digests.oid === release.data.blobs.get(entry.path)?.oid)
      return digests;
    return corrupt(`the contents of "${pathToText(entry.path)}" are not the signed ones`, entry);
  } catch {
    return corrupt(`it ends in the middle of "${pathToText(entry.path)}"`, entry);
  }
}

async function expect(reader: ByteReader, bytes: Buffer, entry?: ManifestEntry): Promise<void> {
  const actual = await reader.upTo(bytes.length);
  if (!actual.equals(bytes)) {
    const where = entry === undefined ? 'its end' : `"${pathToText(entry.path)}"`;
    throw corrupt(`it is not what the manifest says, at ${where}`, entry);
  }
}

function missing(entry: ManifestEntry): never {
  throw corrupt(`"${pathToText(entry.path)}" is missing`, entry);
}

function corrupt(what: string, entry?: ManifestEntry): GtpkgError {
  return new GtpkgError('PAYLOAD_CORRUPT', `The payload is damaged: ${what}`, {
    hint: 'Fetch it again, from another peer. If it stays like this, tell whoever publishes the package.',
    ...(entry === undefined ? {} : { data: { path: pathToText(entry.path) } }),
  });
}
