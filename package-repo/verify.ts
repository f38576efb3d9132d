/**
 * The chain from an index entry's pin to every byte of a release. docs/formats/release-core.md §4; threats: wrong software,
 * tampered payload, endless data, tag transplanted from another package.
 *
 * Order: header bounds → the tag with the pinned oid, and nothing before it → its signature, by the pinned signer → its claims equal
 * the pin → commit → tree, whose SHA-256 id is recomputed and must be the signed one (the payload's part of it stands in the section
 * `tree256` as a claim that this very equation proves) → control and manifest fit each other exactly → while extracting: size and
 * SHA-256 of every file, and at the end the id of the tree `data/` in both object formats, built from the manifest and what came.
 */
import {
  hashBlob,
  parseCommit,
  parseTag,
  readPack,
  type GitObject,
  type PackedObject,
} from '../git/index.js';
import {
  EXIT,
  GtpkgError,
  limits,
  type Basis,
  type ByteSource,
  type Oid,
  type PayloadPlan,
  type ReleaseHead,
  type ReleasePin,
  type Sha256,
  type VerifiedRelease,
} from '../model/index.js';
import { markVerified } from '../model/verified.js';
import { verifyDetached, type PublicKey } from '../trust/index.js';
import { extractDelta } from './delta-extract.js';
import { readDeltaHeader } from './delta-format.js';
import { DeltaReader, readStreams, type DeltaStreams } from './delta-read.js';
import { readWhole } from './delta-streams.js';
import { extractPayload } from './extract.js';
import { parseTagMessage, releaseTitle, tagName } from './format.js';
import { readHeader, type Section } from './image-format.js';
import { payloadLength } from './payload.js';
import { packOrder, readRelease, rootId256, type ReadRelease } from './release.js';
import { sectionBytes } from './section.js';
import { decompress } from './zstd.js';

export interface VerifyReleaseOptions {
  /** the image's bytes */
  readonly source: ByteSource;
  readonly pin: ReleasePin;
  /** the signers that policy accepts for this package; the pinned one must be among them */
  readonly keys: readonly PublicKey[];
  /** when keys must be good */
  readonly now: Date;
}

/**
 * Verifies a release up to its payload, which the result's extract() verifies while it streams.
 * @throws GtpkgError SIGNER_UNKNOWN, SIGNATURE_*, SIGNER_*; RELEASE_MISMATCH (another release than the pinned one);
 *   RELEASE_MALFORMED, PACK_MALFORMED, OBJECT_CORRUPT, MANIFEST_MALFORMED, LIMIT_EXCEEDED; what the source throws
 */
export async function verifyRelease(options: VerifyReleaseOptions): Promise<VerifiedRelease> {
  try {
    return markVerified(await verify(options));
  } catch (cause) {
    throw untrusted(cause);
  }
}

/** A delta, and the older release that it builds upon. */
export interface VerifyDeltaOptions extends VerifyReleaseOptions {
  readonly basis: Basis;
}

/**
 * Verifies a release that comes as a delta: the same chain on the same pin, but for the core's own size and key. What does not
 * travel follows from what does: the manifest from the older one, the trees of `data/` from the contents; all are held to the
 * signed id of the root tree. extract() makes every file from the older ones and checks it as if it had come from a peer.
 * @throws GtpkgError as verifyRelease; RELEASE_MISMATCH when the delta is for another older release; what the basis throws
 */
export async function verifyDelta(options: VerifyDeltaOptions): Promise<VerifiedRelease> {
  try {
    return markVerified(await verifyByDelta(options));
  } catch (cause) {
    throw untrusted(cause);
  }
}

// a release from outside is never the user's mistake: CONTROL_MALFORMED and its like get the exit status of broken trust
function untrusted(cause: unknown): unknown {
  if (!(cause instanceof GtpkgError) || cause.exit !== EXIT.usage) return cause;
  return new GtpkgError('RELEASE_MALFORMED', cause.message, { data: cause.data, cause });
}

async function verify({ source, pin, keys, now }: VerifyReleaseOptions): Promise<ReleaseHead> {
  if (source.byteLength !== pin.core.byteLength) {
    throw mismatch(pin, `its image has ${source.byteLength} bytes, ${pin.core.byteLength} are expected`);
  }
  const sections = await readHeader(source);
  const pack = await readObjects(gitBytes(source, sections.git), sections.git.rawLength, { pin, keys, now });
  const claim = await readClaim(sectionBytes(source, sections.tree256), sections.tree256);
  const release = await readSignedRelease(pack, { pin, claim });
  checkPack(pack, packOrder(pin.tag, pack.commit, release));
  if (sections.payload.rawLength !== payloadLength(release.manifest))
    throw malformed('its payload has another size than its manifest says');
  const { manifest, dataTree: tree } = release;
  const section = { ...sections.payload, name: 'payload' as const };
  const payload = { section, manifest, tree, tree256: claim };
  return head({ pin, release, payload }, (sink) => extractPayload(source, payload, sink));
}

async function verifyByDelta({ source, pin, keys, now, basis }: VerifyDeltaOptions): Promise<ReleaseHead> {
  const { from, sections } = await readDeltaHeader(source);
  if (from !== basis.tree) throw mismatch(pin, 'its delta is for another older release');
  const git = await readWhole(source, sections.git);
  const pack = await readObjects(once(git), sections.git.rawLength, { pin, keys, now });
  const { tree256 } = sections;
  const claim = await readClaim(source.read(tree256.offset, tree256.length), tree256);
  const streams = await readStreams(source, sections);
  const manifest = await manifestOf(streams, basis);
  const { oid } = hashBlob(manifest);
  const objects = new Map(pack.objects).set(oid, { type: 'blob', body: manifest });
  const release = await readSignedRelease({ ...pack, objects }, { pin, claim });
  checkPack(
    pack,
    packOrder(pin.tag, pack.commit, release).filter((each) => each !== oid),
  );
  return head({ pin, release }, (sink) => extractDelta({ streams, basis, release, claim }, sink));
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function manifestOf(streams: DeltaStreams, basis: Basis): Promise<Buffer> {
  const reader = DeltaReader.open(streams, basis);
  try {
    return await reader.manifest();
  } finally {
    await reader.close();
  }
}

function head(
  { pin, release, payload }: { pin: ReleasePin; release: ReadRelease; payload?: PayloadPlan },
  extract: ReleaseHead['extract'],
): ReleaseHead {
  return Object.freeze({
    pin,
    control: release.control,
    manifest: release.manifest,
    manifestBytes: release.files.manifest,
    conffiles: release.conffiles,
    goneConffiles: release.goneConffiles,
    scripts: release.files.scripts,
    extract,
    ...(payload === undefined ? {} : { payload }),
  } satisfies ReleaseHead);
}

/** Objects of a pack whose tag was verified before anything else of it was looked at. */
interface SignedPack {
  readonly objects: ReadonlyMap<Oid, GitObject>;
  readonly commit: Oid;
}

async function readObjects(
  bytes: Parameters<typeof readPack>[0],
  rawLength: number,
  trust: Omit<VerifyReleaseOptions, 'source'>,
): Promise<SignedPack> {
  const objects = new Map<Oid, GitObject>();
  let tag: TagFacts | undefined;
  for await (const object of readPack(bytes, packLimits({ rawLength }))) {
    // the tag comes first, and nothing of the rest is looked at before its signature is good
    tag ??= await verifyTag(object, trust);
    objects.set(object.oid, object);
  }
  if (tag === undefined)
    throw new GtpkgError('SIGNATURE_MISSING', `${releaseTitle(trust.pin)} comes without a signed tag`);
  return { objects, commit: tag.commit };
}

// From the commit that the tag names to everything the root tree holds, proven by the signed id.
async function readSignedRelease(
  { objects, commit }: SignedPack,
  { pin, claim }: { pin: ReleasePin; claim: Sha256 | undefined },
): Promise<ReadRelease> {
  const read = (oid: Oid): Promise<GitObject> => {
    const object = objects.get(oid);
    return object === undefined
      ? Promise.reject(malformed(`the object ${oid} is missing`))
      : Promise.resolve(object);
  };
  const { type, body } = await read(commit);
  if (type !== 'commit') throw malformed('the tag does not name a commit');
  const fields = parseCommit(body);
  if (fields.message !== `${releaseTitle(pin)}\n`)
    throw mismatch(pin, 'its commit is that of another release');
  const release = await readRelease(fields.tree, read);
  checkTree(release, { pin, claim });
  return release;
}

function checkPack({ objects }: SignedPack, order: readonly Oid[]): void {
  if (order.length !== objects.size || [...objects.keys()].some((oid, i) => oid !== order[i]))
    throw malformed('its pack holds other objects than the release has');
}

interface TagFacts {
  readonly commit: Oid;
}

async function verifyTag(
  object: PackedObject,
  { pin, keys, now }: Omit<VerifyReleaseOptions, 'source'>,
): Promise<TagFacts> {
  if (object.type !== 'tag' || object.oid !== pin.tag)
    throw mismatch(pin, 'its tag is not the one that the index names');
  const tag = parseTag(object.body);
  if (tag.signature === undefined)
    throw new GtpkgError('SIGNATURE_MISSING', `The tag of ${releaseTitle(pin)} is not signed`);
  const accepted = keys.filter((key) => key.fingerprint === pin.signer);
  const { signer } = await verifyDetached({
    signed: tag.payload,
    signature: tag.signature,
    keys: accepted,
    now,
    listed: pin.listed,
  });
  if (signer !== pin.signer)
    throw new GtpkgError(
      'SIGNER_UNKNOWN',
      `${releaseTitle(pin)} is signed by ${signer}, not by ${pin.signer}`,
    );
  const claims = parseTagMessage(tag.message);
  for (const field of ['name', 'version', 'architecture', 'tree'] as const) {
    if (claims[field] !== pin[field]) throw mismatch(pin, `its tag says ${field} ${claims[field]}`);
  }
  if (tag.tag !== tagName(pin)) throw mismatch(pin, `its tag was made as ${tag.tag}`);
  if (tag.type !== 'commit') throw malformed('the tag does not name a commit');
  return { commit: tag.object };
}

function checkTree(
  release: ReadRelease,
  { pin, claim }: { pin: ReleasePin; claim: Sha256 | undefined },
): void {
  if ((claim === undefined) !== (release.dataTree === undefined))
    throw malformed('the section tree256 does not fit its tree');
  if (rootId256(release, claim) !== pin.tree) throw mismatch(pin, 'its tree is not the signed one');
  for (const field of ['name', 'version', 'architecture'] as const) {
    if (release.control[field] !== pin[field])
      throw mismatch(pin, `its control file says ${field} ${release.control[field]}`);
  }
}

export function packLimits(section: Pick<Section, 'rawLength'>): Parameters<typeof readPack>[1] {
  return {
    maxObjects: limits.MAX_PACK_OBJECTS,
    maxObjectSize: limits.MAX_GIT_OBJECT,
    maxTotal: section.rawLength,
  };
}

export async function* gitBytes(source: ByteSource, section: Section): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of decompress(sectionBytes(source, section), { maxOutput: section.rawLength })) {
    total += chunk.length;
    yield chunk;
  }
  if (total !== section.rawLength) throw malformed('the section git has another size than its header says');
}

async function readClaim(
  bytes: AsyncIterable<Uint8Array>,
  section: Pick<Section, 'length' | 'rawLength'>,
): Promise<Sha256 | undefined> {
  if (section.length !== section.rawLength || (section.length !== 32 && section.length !== 0))
    throw malformed('the section tree256 has the wrong size');
  const parts: Uint8Array[] = [];
  for await (const chunk of bytes) parts.push(chunk);
  return section.length === 0 ? undefined : (Buffer.concat(parts).toString('hex') as Sha256);
}

function mismatch(pin: ReleasePin, what: string): GtpkgError {
  return new GtpkgError(
    'RELEASE_MISMATCH',
    `This is not ${releaseTitle(pin)} as the index names it: ${what}`,
    {
      data: { name: pin.name, version: pin.version, architecture: pin.architecture },
    },
  );
}

function malformed(what: string): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `The release is malformed: ${what}`);
}
