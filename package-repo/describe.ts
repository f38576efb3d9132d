/** What a package repository holds, for listing and showing. Signatures are not verified here: who signed is what the tag claims. */
import { parseCommit, parseTag, type Person, type Repository } from '../git/index.js';
import { compareVersions, GtpkgError, type Oid, type ReleaseId, type Sha256 } from '../model/index.js';
import { verifyDetached } from '../trust/index.js';
import { notFound, openReleases } from './compose.js';
import { branchRef, parseTagMessage, parseTagRef, parseTitle, releaseTitle, tagRef } from './format.js';
import { commits, findCommit } from './history.js';
import { readRelease, type ReadRelease } from './release.js';

/** One release of a repository. */
export interface ListedRelease extends ReleaseId {
  /** the signed commit, or the newest one of a release that is not signed yet */
  readonly commit: Oid;
  /** the signed tag */
  readonly tag?: Oid;
}

/** The tag of a release, as far as can be said without keys. */
export interface DescribedTag {
  readonly oid: Oid;
  /** id of the release's tree under git's SHA-256 object format */
  readonly tree: Sha256;
  readonly tagger: Person;
  /** fingerprint (40 digits) or key id (16) of the key that the signature names, maybe a subkey; '' when it cannot be read */
  readonly claimedSigner: string;
  /** what the signature covers, and the signature: for verifyDetached */
  readonly payload: Buffer;
  readonly signature: string;
}

/** A release in full. */
export interface DescribedRelease extends Pick<
  ReadRelease,
  'control' | 'manifest' | 'conffiles' | 'goneConffiles'
> {
  readonly id: ReleaseId;
  readonly commit: Oid;
  readonly scripts: ReadRelease['files']['scripts'];
  readonly tag?: DescribedTag;
}

/**
 * All releases, oldest version first; versions that were built but not signed have no `tag`.
 * @throws GtpkgError RELEASE_NOT_FOUND when there is no repository; OBJECT_CORRUPT
 */
export async function listReleases(repoDir: string): Promise<ListedRelease[]> {
  const repository = await openReleases(repoDir);
  const found = new Map<string, ListedRelease>();
  for (const [ref, tag] of await repository.listRefs('refs/tags/')) {
    if (parseTagRef(ref) === undefined) continue;
    const { object, message } = parseTag(await repository.readType(tag, 'tag'));
    const { name, version, architecture } = parseTagMessage(message);
    found.set(releaseTitle({ name, version, architecture }), {
      name,
      version,
      architecture,
      commit: object,
      tag,
    });
  }
  for (const head of (await repository.listRefs('refs/heads/')).values()) {
    for await (const { oid, fields } of commits(repository, head)) {
      const id = parseTitle(fields.message.trimEnd());
      if (id !== undefined && !found.has(releaseTitle(id)))
        found.set(releaseTitle(id), { ...id, commit: oid });
    }
  }
  return [...found.values()].sort(
    (a, b) => compareVersions(a.version, b.version) || (a.architecture < b.architecture ? -1 : 1),
  );
}

/** @throws GtpkgError RELEASE_NOT_FOUND; OBJECT_CORRUPT, RELEASE_MALFORMED, … when the repository is damaged */
export async function describeRelease(repoDir: string, id: ReleaseId): Promise<DescribedRelease> {
  const repository = await openReleases(repoDir);
  const oid = await repository.resolveRef(tagRef(id));
  const tag = oid === undefined ? undefined : await describeTag(repository, oid, id);
  const commit = tag?.commit ?? (await newestCommit(repository, id));
  const { tree } = parseCommit(await repository.readType(commit, 'commit'));
  const release = await readRelease(tree, (object) => repository.read(object));
  return {
    id,
    commit,
    control: release.control,
    manifest: release.manifest,
    conffiles: release.conffiles,
    goneConffiles: release.goneConffiles,
    scripts: release.files.scripts,
    ...(tag === undefined ? {} : { tag: tag.described }),
  };
}

async function newestCommit(repository: Repository, id: ReleaseId): Promise<Oid> {
  const head = await repository.resolveRef(branchRef(id.architecture));
  const found = await findCommit(repository, head, ({ message }) => message === `${releaseTitle(id)}\n`);
  if (found === undefined) throw notFound(id);
  return found.oid;
}

async function describeTag(
  repository: Repository,
  oid: Oid,
  id: ReleaseId,
): Promise<{ commit: Oid; described: DescribedTag }> {
  const {
    object,
    message,
    payload,
    tagger,
    signature = '',
  } = parseTag(await repository.readType(oid, 'tag'));
  const claims = parseTagMessage(message);
  if (releaseTitle(claims) !== releaseTitle(id)) throw notFound(id);
  const described = {
    oid,
    tree: claims.tree,
    tagger,
    claimedSigner: await claimed(signature),
    payload,
    signature,
  };
  return { commit: object, described };
}

// Asked to verify with no keys at all, the trust room says whose signature it is.
async function claimed(signature: string): Promise<string> {
  try {
    await verifyDetached({ signed: Buffer.alloc(0), signature, keys: [], now: new Date() });
  } catch (error) {
    if (error instanceof GtpkgError)
      return typeof error.data['issuer'] === 'string' ? error.data['issuer'] : '';
    throw error;
  }
  return '';
}
