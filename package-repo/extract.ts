/**
 * Streams a payload into a sink. It has no structure of its own: the signed manifest says where each file begins and ends, so there is
 * nothing in it that the manifest does not say.
 */
import { BlobHasher, hashBlob, type BlobDigests } from '../git/index.js';
import {
  GtpkgError,
  pathToText,
  type ByteSource,
  type ManifestEntry,
  type PayloadPlan,
  type PayloadSink,
} from '../model/index.js';
import { ByteReader } from './reader.js';
import { sectionBytes } from './section.js';
import { buildDataTree } from './trees.js';
import { filterX86, X86Filter } from './x86.js';
import { decompress } from './zstd.js';

/** Files up to this size are checked as a whole, and handed over as one piece; larger ones as they come, checked at their end. */
const WHOLE = 1024 * 1024;

/**
 * Calls the sink for every manifest entry, in order, one at a time.
 * @param source - of the whole image
 * @throws GtpkgError PAYLOAD_CORRUPT for any difference; what source and sink throw
 */
export async function extractPayload(
  source: ByteSource,
  { section, manifest, tree, tree256 }: PayloadPlan,
  sink: PayloadSink,
): Promise<void> {
  const reader = new ByteReader(section.length === 0 ? [] : payloadBytes(source, section));
  const found = new Map<string, BlobDigests>();
  // one piece of memory for all files that are not in one piece anyhow
  let memory: Buffer | undefined;
  const from = { reader, sink, memory: () => (memory ??= Buffer.allocUnsafeSlow(WHOLE)) };
  try {
    for (const entry of manifest) {
      if (entry.type === 'f') found.set(entry.path, await extractFile(from, entry));
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
async function* payloadBytes(source: ByteSource, section: PayloadPlan['section']): AsyncGenerator<Buffer> {
  try {
    yield* decompress(sectionBytes(source, section), { maxOutput: section.rawLength, reuse: true });
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || !['RELEASE_MALFORMED', 'LIMIT_EXCEEDED'].includes(cause.code))
      throw cause;
    throw new GtpkgError('PAYLOAD_CORRUPT', `The payload is damaged: ${cause.message}`, { cause });
  }
}

interface Extraction {
  readonly reader: ByteReader;
  readonly sink: PayloadSink;
  /** WHOLE bytes, the same ones each time */
  readonly memory: () => Buffer;
}

// All of the memory here is used again: who may hold on to a chunk gets a copy.
const given = (sink: PayloadSink, bytes: Buffer): Buffer =>
  sink.isTransient === true ? bytes : Buffer.from(bytes);

async function extractFile(from: Extraction, entry: ManifestEntry): Promise<BlobDigests> {
  if (entry.size > WHOLE) return extractLarge(from, entry);
  const { reader, sink, memory } = from;
  const bytes = reader.now(entry.size) ?? (await reader.into(memory().subarray(0, entry.size)));
  if (bytes.length < entry.size) throw cut(entry);
  filterX86(bytes, 'decode');
  const digests = hashBlob(bytes);
  if (digests.sha256 !== entry.sha256) throw unsigned(entry);
  await sink.file(entry, entry.size === 0 ? [] : [given(sink, bytes)]);
  return digests;
}

async function extractLarge({ reader, sink }: Extraction, entry: ManifestEntry): Promise<BlobDigests> {
  const hasher = new BlobHasher(entry.size);
  const filter = new X86Filter('decode');
  const end = reader.position + entry.size;
  let result: BlobDigests | GtpkgError | undefined;
  const passed = (bytes: Buffer): Buffer => {
    hasher.update(bytes);
    return given(sink, bytes);
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
