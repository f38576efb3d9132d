/**
 * Co-signatures: further people say that a release is what it claims. docs/formats/release.md §7.
 *
 * One is a signed annotated tag on the release's commit, named `<version>/<architecture>@<primary fingerprint>`, with the release's claims under a
 * format of its own, so that it never passes for the release's tag. It counts for its signer's primary key, once.
 */
import { encodeTag, hashObject, parseTag, signTag } from '../git/index.js';
import {
  GtpkgError,
  limits,
  type Cosignature,
  type Fingerprint,
  type Oid,
  type ReleaseId,
  type ReleasePin,
  type Sha256,
} from '../model/index.js';
import { verifyDetached, type PublicKey, type Signer } from '../trust/index.js';
import { notFound, openReleases } from './compose.js';
import { describeRelease } from './describe.js';
import { parseTagMessage, tagMessage, tagName, tagRef, type ReleaseClaims } from './format.js';

const FORMAT = ['Format: gtpkg-release 1\n', 'Format: gtpkg-cosign 1\n'] as const;

/** Name of a co-signature's tag, below `refs/tags/`. */
export function cosignTagName(id: Pick<ReleaseId, 'version' | 'architecture'>, signer: Fingerprint): string {
  return `${tagName(id)}@${signer}`;
}

function cosignMessage(claims: ReleaseClaims): string {
  return tagMessage(claims).replace(FORMAT[0], FORMAT[1]);
}

// One spelling, as of a release's tag. @throws GtpkgError RELEASE_MALFORMED
function parseCosignMessage(message: string): ReleaseClaims {
  const claims = parseTagMessage(message.replace(FORMAT[1], FORMAT[0]));
  if (cosignMessage(claims) === message) return claims;
  throw new GtpkgError('RELEASE_MALFORMED', 'The message of the tag is not that of a co-signature');
}

/**
 * Co-signs a signed release. One that is there already, by the same key, stays.
 * @throws GtpkgError RELEASE_NOT_FOUND; SIGNATURE_MISSING when the release itself is not signed
 */
export async function cosignRelease(
  repoDir: string,
  id: ReleaseId,
  signer: Signer,
): Promise<{ readonly cosignature: Cosignature; readonly changed: boolean }> {
  const repository = await openReleases(repoDir);
  const ref = `refs/tags/${cosignTagName(id, signer.fingerprint)}`;
  const existing = await repository.resolveRef(ref);
  if (existing !== undefined) {
    const tag = await repository.readType(existing, 'tag');
    return { cosignature: { signer: signer.fingerprint, tag }, changed: false };
  }
  const { commit, tag: release } = await describeRelease(repoDir, id);
  if (release === undefined)
    throw new GtpkgError('SIGNATURE_MISSING', `${id.name} ${id.version} is not signed by its maintainer yet`);
  const payload = encodeTag({
    object: commit,
    type: 'commit',
    tag: cosignTagName(id, signer.fingerprint),
    tagger: { ...signer.person, time: Math.floor(Date.now() / 1000) },
    message: cosignMessage({ ...id, tree: release.tree }),
  });
  const tag = signTag(payload, await signer.sign(payload));
  const [oid] = await repository.importPack([{ type: 'tag', body: tag }]);
  if (oid === undefined) throw notFound(id);
  await repository.writeRef(ref, oid, null);
  return { cosignature: { signer: signer.fingerprint, tag }, changed: true };
}

/** The co-signatures of a release in its repository, unchecked. @throws GtpkgError RELEASE_NOT_FOUND, OBJECT_CORRUPT */
export async function listCosignatures(repoDir: string, id: ReleaseId): Promise<Cosignature[]> {
  const repository = await openReleases(repoDir);
  const found: Cosignature[] = [];
  for (const [ref, oid] of await repository.listRefs(`${tagRef(id)}@`)) {
    const signer = ref.slice(ref.lastIndexOf('@') + 1);
    if (!/^[0-9A-F]{40}$/.test(signer)) continue;
    found.push({ signer: signer as Fingerprint, tag: await repository.readType(oid, 'tag') });
  }
  return found;
}

/** Puts a co-signature that came from elsewhere, and was checked, into the repository. True when it is new. */
export async function storeCosignature(
  repoDir: string,
  id: ReleaseId,
  { signer, tag }: Cosignature,
): Promise<boolean> {
  const repository = await openReleases(repoDir);
  const body = Buffer.from(tag);
  const ref = `refs/tags/${cosignTagName(id, signer)}`;
  if ((await repository.resolveRef(ref)) === hashObject('tag', body)) return false;
  await repository.importPack([{ type: 'tag', body }]);
  await repository.writeRef(ref, hashObject('tag', body));
  return true;
}

/** What a co-signature says of itself: which release, and who claims to have signed. @throws GtpkgError RELEASE_MALFORMED, … */
export function readCosignature(tag: Uint8Array): Cosignature & ReleaseClaims & { readonly commit: Oid } {
  if (tag.length > limits.MAX_COSIGNATURE)
    throw new GtpkgError('LIMIT_EXCEEDED', 'A co-signature that is too large');
  const parsed = parseTag(Buffer.from(tag));
  const claims = parseCosignMessage(parsed.message);
  const signer = parsed.tag.slice(parsed.tag.lastIndexOf('@') + 1) as Fingerprint;
  if (parsed.type !== 'commit' || parsed.tag !== cosignTagName(claims, signer))
    throw new GtpkgError('RELEASE_MALFORMED', `A co-signature that was made as ${parsed.tag.slice(0, 120)}`);
  return { signer, tag, commit: parsed.object, ...claims };
}

/** What a co-signature must be of. */
export type Cosigned = Pick<ReleasePin, 'name' | 'version' | 'architecture'> & { readonly tree: Sha256 };

/**
 * Checks one: it speaks of exactly this release, by Tree-SHA256, and is signed by the primary key that it names.
 * @param keys - those that may have signed
 * @throws GtpkgError RELEASE_MISMATCH, RELEASE_MALFORMED, SIGNATURE_*, SIGNER_*
 */
export async function checkCosignature(
  release: Cosigned,
  { signer, tag }: Cosignature,
  { keys, now }: { readonly keys: readonly PublicKey[]; readonly now: Date },
): Promise<Fingerprint> {
  const claims = readCosignature(tag);
  for (const field of ['name', 'version', 'architecture', 'tree'] as const)
    if (claims[field] !== release[field])
      throw new GtpkgError(
        'RELEASE_MISMATCH',
        `A co-signature of ${release.name} says ${field} ${claims[field]}`,
      );
  if (claims.signer !== signer)
    throw new GtpkgError(
      'SIGNER_UNKNOWN',
      `A co-signature by ${claims.signer} stands under the name of ${signer}`,
    );
  const { payload: signed, signature } = parseTag(Buffer.from(tag));
  if (signature === undefined) throw new GtpkgError('SIGNATURE_MISSING', 'A co-signature that is not signed');
  const own = keys.filter((key) => key.fingerprint === signer);
  const { signer: proven } = await verifyDetached({ signed, signature, keys: own, now });
  return proven;
}

/**
 * Distinct primary keys whose co-signatures of a release are good now, its own signer left out; what is not good counts for nothing.
 */
export async function cosignersOf(
  pin: ReleasePin,
  cosignatures: readonly Cosignature[],
  judge: { readonly keys: readonly PublicKey[]; readonly now: Date },
): Promise<readonly Fingerprint[]> {
  const found = new Set<Fingerprint>();
  for (const cosignature of cosignatures) {
    try {
      const signer = await checkCosignature(pin, cosignature, judge);
      if (signer !== pin.signer) found.add(signer);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
    }
  }
  return [...found].sort();
}
