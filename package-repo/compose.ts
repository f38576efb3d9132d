/**
 * Writes releases into a package repository: commit, then signed tag. The same input gives the same commit on every machine, and
 * doing either twice changes nothing.
 */
import {
  encodeCommit,
  encodeTag,
  hashObject,
  parseCommit,
  parseTag,
  Repository,
  signTag,
  type CommitFields,
  type WriteItem,
} from '../git/index.js';
import { formatManifest, GtpkgError, limits, type Oid, type ReleaseId, type Sha256 } from '../model/index.js';
import { verifyDetached, type Signer } from '../trust/index.js';
import {
  branchRef,
  commitPerson,
  parseTagMessage,
  releaseTitle,
  tagMessage,
  tagName,
  tagRef,
} from './format.js';
import { findCommit } from './history.js';
import type { PackageInput } from './input.js';
import { buildRoot, formatConffiles, type ReleaseFiles } from './release.js';
import { treeId256 } from './tree-id.js';
import { buildDataTree } from './trees.js';

/** What commitRelease did. */
export interface CommittedRelease {
  readonly commit: Oid;
  readonly id: ReleaseId;
  /** id of the release's tree under git's SHA-256 object format */
  readonly tree: Sha256;
  /** false when the repository held this very release already */
  readonly changed: boolean;
}

/**
 * Puts a release on its architecture's branch; makes the bare repository when there is none.
 * @throws GtpkgError ALREADY_EXISTS when the version has a tag with other contents; LIMIT_EXCEEDED; NO_SPACE, …
 */
export async function commitRelease(repoDir: string, input: PackageInput): Promise<CommittedRelease> {
  const { control, entries } = input;
  const id: ReleaseId = { name: control.name, version: control.version, architecture: control.architecture };
  const data = buildDataTree(entries, (entry) => input.digests(entry));
  const root = buildRoot(filesOf(input), data);
  const repository = await Repository.init(repoDir, { head: branchRef(id.architecture) });
  await checkName(repository, id);
  const done = { id, tree: root.oid256 };
  const tagged = await taggedCommit(repository, id);
  if (tagged !== undefined) {
    if (tagged.tree !== root.oid) throw exists(id);
    return { ...done, commit: tagged.commit, changed: false };
  }
  const branch = branchRef(id.architecture);
  const parent = await repository.resolveRef(branch);
  const newest = await findCommit(repository, parent, isRelease(id));
  if (newest?.fields.tree === root.oid) return { ...done, commit: newest.oid, changed: false };

  const time =
    parent === undefined ? 0 : parseCommit(await repository.readType(parent, 'commit')).author.time;
  const person = commitPerson(control, entries, time);
  const commit = encodeCommit({
    tree: root.oid,
    parents: parent === undefined ? [] : [parent],
    author: person,
    committer: person,
    message: `${releaseTitle(id)}\n`,
  });
  await repository.writeObjects(
    items(input, [{ type: 'commit', body: commit }, ...root.objects, ...(data?.trees ?? [])]),
  );
  const oid = hashObject('commit', commit);
  await repository.writeRef(branch, oid, parent ?? null);
  if ((await repository.resolveRef('HEAD')) === undefined) await repository.setHead(branch);
  return { ...done, commit: oid, changed: true };
}

function filesOf(input: PackageInput): ReleaseFiles {
  const manifest = formatManifest(input.entries);
  if (manifest.length > limits.MAX_GIT_OBJECT)
    throw new GtpkgError('LIMIT_EXCEEDED', `The manifest is larger than ${limits.MAX_GIT_OBJECT} bytes`);
  const conffiles = formatConffiles(input.conffiles);
  return {
    control: input.controlBytes,
    manifest,
    ...(conffiles === undefined ? {} : { conffiles }),
    scripts: input.scripts,
  };
}

function* items(
  input: PackageInput,
  objects: Iterable<{ type: WriteItem['type']; body: Buffer }>,
): Generator<WriteItem> {
  for (const { type, body } of objects) yield { type, size: body.length, content: () => body };
  for (const entry of input.entries) {
    if (entry.type === 'f')
      yield {
        type: 'blob',
        size: entry.size,
        oid: input.digests(entry).oid,
        content: () => input.content(entry),
      };
    if (entry.type !== 'l') continue;
    const target = Buffer.from(entry.link ?? '', 'latin1');
    yield { type: 'blob', size: target.length, content: () => target };
  }
}

// Commits of this release: a version that was never signed may have been built several times; the newest counts.
function isRelease(id: ReleaseId): (commit: CommitFields) => boolean {
  const message = `${releaseTitle(id)}\n`;
  return (commit) => commit.message === message;
}

// One package a repository: the first commit on HEAD's branch says which.
async function checkName(repository: Repository, id: ReleaseId): Promise<void> {
  const head = await repository.resolveRef('HEAD');
  if (head === undefined) return;
  const { message } = parseCommit(await repository.readType(head, 'commit'));
  const name = message.split(' ', 1)[0] ?? '';
  if (name !== id.name) {
    throw new GtpkgError(
      'ALREADY_EXISTS',
      `${repository.dir} is the repository of ${name}, not of ${id.name}`,
      {
        hint: 'Give each package a repository of its own.',
      },
    );
  }
}

async function taggedCommit(
  repository: Repository,
  id: ReleaseId,
): Promise<{ commit: Oid; tree: Oid } | undefined> {
  const tag = await repository.resolveRef(tagRef(id));
  if (tag === undefined) return undefined;
  const { object } = parseTag(await repository.readType(tag, 'tag'));
  return { commit: object, tree: parseCommit(await repository.readType(object, 'commit')).tree };
}

/**
 * Signs a release that commitRelease made: an annotated tag with one OpenPGP signature.
 * The tree's SHA-256 id is computed from the objects as they are in the repository.
 * @throws GtpkgError RELEASE_NOT_FOUND; ALREADY_EXISTS when the tag is another key's or names other contents; SIGNATURE_*
 */
export async function signRelease(
  repoDir: string,
  id: ReleaseId,
  signer: Signer,
): Promise<{ tag: Oid; changed: boolean }> {
  const repository = await openReleases(repoDir);
  const ref = tagRef(id);
  const existing = await repository.resolveRef(ref);
  if (existing !== undefined) {
    await checkSigned({ repository, tag: existing, id, signer });
    return { tag: existing, changed: false };
  }
  const head = await repository.resolveRef(branchRef(id.architecture));
  const commit = await findCommit(repository, head, isRelease(id));
  if (commit === undefined) throw notFound(id);
  const tree = await treeId256(repository, commit.fields.tree);
  const payload = encodeTag({
    object: commit.oid,
    type: 'commit',
    tag: tagName(id),
    tagger: { ...signer.person, time: Math.floor(Date.now() / 1000) },
    message: tagMessage({ ...id, tree }),
  });
  const [tag] = await repository.importPack([
    { type: 'tag', body: signTag(payload, await signer.sign(payload)) },
  ]);
  if (tag === undefined) throw notFound(id);
  await repository.writeRef(ref, tag, null);
  return { tag, changed: true };
}

// A tag that is there already must be this signer's, whole, and for this release.
async function checkSigned(at: {
  repository: Repository;
  tag: Oid;
  id: ReleaseId;
  signer: Signer;
}): Promise<void> {
  const tag = parseTag(await at.repository.readType(at.tag, 'tag'));
  const claims = parseTagMessage(tag.message);
  if (releaseTitle(claims) !== releaseTitle(at.id)) throw exists(at.id);
  try {
    await verifyDetached({
      signed: tag.payload,
      signature: tag.signature ?? '',
      keys: [at.signer.publicKey],
      now: new Date(),
    });
  } catch (cause) {
    throw new GtpkgError(
      'ALREADY_EXISTS',
      `${releaseTitle(at.id)} has a tag that ${at.signer.fingerprint} did not sign`,
      {
        hint: 'A published version never changes: raise the version and build again.',
        cause,
      },
    );
  }
}

/** The package repository in `repoDir`. @throws GtpkgError RELEASE_NOT_FOUND when there is none */
export async function openReleases(repoDir: string): Promise<Repository> {
  try {
    return await Repository.open(repoDir);
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || cause.code !== 'FILE_NOT_FOUND') throw cause;
    throw new GtpkgError('RELEASE_NOT_FOUND', `There is no package repository in ${repoDir}`, {
      hint: 'Make a release first: gtpkg package build DIR, or gtpkg package import FILE.deb.',
      cause,
    });
  }
}

/** RELEASE_NOT_FOUND for this release. */
export function notFound(id: ReleaseId): GtpkgError {
  return new GtpkgError('RELEASE_NOT_FOUND', `There is no release ${releaseTitle(id)} here`, {
    hint: 'gtpkg package build DIR or gtpkg package import FILE.deb makes one.',
    data: { ...id },
  });
}

function exists(id: ReleaseId): GtpkgError {
  return new GtpkgError('ALREADY_EXISTS', `${releaseTitle(id)} is tagged already, with other contents`, {
    hint: 'A published version never changes: raise the version and build again.',
    data: { ...id },
  });
}
