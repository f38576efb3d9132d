/**
 * Streams a payload into a sink. It has no structure of its own: the signed manifest says where each file begins and ends, so there is
 * nothing in it that the manifest does not say.
 */
import { BlobHasher, hashBlob, type BlobDigests } from '../git/index.js';
import {
  GtpkgError,
  pathToText,
  type ByteSource,
  type Manifest,
  type ManifestEntry,
  type Oid,
  type PayloadSink,
  type Sha256,
} from '../model/index.js';
import type { Section } from './image-format.js';
import { ByteReader } from './reader.js';
import { sectionBytes } from './section.js';
import { buildDataTree } from './trees.js';
import { filterX86, X86Filter } from './x86.js';
import { decompress } from './zstd.js';

/** A payload and what it must be, as plain data but for the source. */
export interface Payload {
  readonly source: ByteSource;
  readonly section: Section;
  readonly manifest: Manifest;
  /** id of the `data/` tree, from the signed root tree */
  readonly tree: Oid | undefined;
  /** its SHA-256 id, proven by that of the root tree */
  readonly tree256: Sha256 | undefined;
}

/** Files up to this size are checked as a whole, and handed over as one piece; larger ones as they come, checked at their end. */
const WHOLE = 1024 * 1024;

/**
 * Calls the sink for every manifest entry, in order, one at a time.
 * @throws GtpkgError PAYLOAD_CORRUPT for any difference; what source and sink throw
 */
export async function extractPayload(payload: Payload, sink: PayloadSink): Promise<void> {
  const { section, source, manifest, tree, tree256 } = payload;
  const reader = new ByteReader(section.length === 0 ? [] : payloadBytes(source, section));
  const found = new Map<string, BlobDigests>();
  try {
    for (const entry of manifest) {
      if (entry.type === 'f') found.set(entry.path, await extractFile(reader, entry, sink));
      else await sink.entry(entry);
    }
    if (!(await reader.atEnd())) throw corrupt('bytes follow its end');
    const data = buildDataTree(manifest, (entry) => found.get(entry.path) as BlobDigests);
    if (data?.oid !== tree || data?.oid256 !== tree256) throw corrupt('its tree is not the signed one');
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

async function extractFile(
  reader: ByteReader,
  entry: ManifestEntry,
  sink: PayloadSink,
): Promise<BlobDigests> {
  if (entry.size > WHOLE) return extractLarge(reader, entry, sink);
  const bytes = reader.now(entry.size) ?? (await reader.upTo(entry.size));
  if (bytes.length < entry.size) throw cut(entry);
  filterX86(bytes, 'decode');
  const digests = hashBlob(bytes);
  if (digests.sha256 !== entry.sha256) throw unsigned(entry);
  await sink.file(entry, entry.size === 0 ? [] : [bytes]);
  return digests;
}

async function extractLarge(
  reader: ByteReader,
  entry: ManifestEntry,
  sink: PayloadSink,
): Promise<BlobDigests> {
  const hasher = new BlobHasher(entry.size);
  const filter = new X86Filter('decode');
  const end = reader.position + entry.size;
  let result: BlobDigests | GtpkgError | undefined;
  const passed = (bytes: Buffer): Buffer => {
    hasher.update(bytes);
    return bytes;
  };
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of reader.stream(end - reader.position)) yield passed(filter.update(chunk));
    if (reader.position < end) result ??= cut(entry);
    if (result === undefined) {
      yield passed(filter.end());
      const digests = hasher.digest();
      result = digests.sha256 === entry.sha256 ? digests : unsigned(entry);
    }
    if (result instanceof GtpkgError) throw result;
  };
  await sink.file(entry, chunks());
  // a sink that stopped early, or that caught what the chunks threw, changes nothing
  if (result === undefined) for await (const _ of chunks());
  if (result instanceof GtpkgError) throw result;
  return result as unknown as BlobDigests;
}

const unsigned = (entry: ManifestEntry): GtpkgError =>
  corrupt(`the contents of "${pathToText(entry.path)}" are not the signed ones`, entry);
const cut = (entry: ManifestEntry): GtpkgError =>
  corrupt(`it ends in the middle of "${pathToText(entry.path)}"`, entry);

function corrupt(what: string, entry?: ManifestEntry): GtpkgError {
  return new GtpkgError('PAYLOAD_CORRUPT', `The payload is damaged: ${what}`, {
    hint: 'Fetch it again, from another peer. If it stays like this, tell whoever publishes the package.',
    ...(entry === undefined ? {} : { data: { path: pathToText(entry.path) } }),
  });
}
