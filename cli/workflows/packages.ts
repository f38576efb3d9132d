/**
 * Releases in package repositories: build, import, sign, show, verify.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import {
  compareVersions,
  EXIT,
  GtpkgError,
  manifestSize,
  pathToText,
  systemCode,
  type Control,
  type CoreKey,
  type ErrorCode,
  type ReleaseId,
} from '../../model/index.js';
import type { DescribedRelease, PackageInput } from '../../package-repo/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { systemFailure } from '../files.js';
import { signerFor } from './keys.js';

/** A release as a commit. */
export interface BuiltRelease extends ReleaseId {
  readonly commit: string;
  readonly tree: string;
  readonly repository: string;
  /** false when the very same release was there already */
  readonly changed: boolean;
}

/** A release as a signed tag. */
export interface SignedRelease extends ReleaseId {
  readonly tag: string;
  readonly tagName: string;
  readonly signer: string;
  readonly repository: string;
  readonly changed: boolean;
}

/** A release as package show and verify print it. */
export interface ReleaseDetails extends ReleaseId {
  readonly repository: string;
  readonly control: string;
  readonly commit: string;
  readonly tree: string | null;
  readonly tag: string | null;
  readonly signer: string | null;
  readonly paths: number;
  readonly installedBytes: number;
  readonly conffiles: readonly string[];
  readonly scripts: readonly { readonly name: string; readonly text: string }[];
  /** set by package verify: everything was checked */
  readonly verified: true | null;
}

/** Which release of which repository is meant. */
export interface ReleaseChoice {
  readonly name: string;
  readonly version?: string | undefined;
  readonly architecture?: string | undefined;
}

/** The repository of a package in this home. */
export function repositoryOf(context: Context, name: string): string {
  return context.home('packages', `${name}.git`);
}

async function commit(
  context: Context,
  input: PackageInput,
  repo: string | undefined,
): Promise<BuiltRelease> {
  const { commitRelease } = await import('../../package-repo/index.js');
  const repository = repo === undefined ? repositoryOf(context, input.control.name) : resolve(repo);
  const done = await commitRelease(repository, input);
  return { ...done.id, commit: done.commit, tree: done.tree, repository, changed: done.changed };
}

/** What to do about each kind of input that cannot be read. */
const REPAIR: Partial<Readonly<Record<ErrorCode, string>>> = {
  CONTROL_MALFORMED: 'Correct the control file: one paragraph in UTF-8, fields as in deb-control(5).',
  DEB_MALFORMED: 'Fetch or build the file again; dpkg-deb --info shows what dpkg makes of it.',
  DEB_UNSAFE: 'Do not install this file. Honest tools do not make such archives.',
  SOURCE_DIR_MALFORMED: 'A package directory has control and data/, and may have conffiles and scripts/.',
};

// Of several files it must be clear which one is meant.
function inputFailure(error: unknown, path: string): unknown {
  if (!(error instanceof GtpkgError) || error.exit !== EXIT.usage) return error;
  const { code, message, data } = error;
  const hint = error.hint ?? REPAIR[code];
  return new GtpkgError(code, message.includes(basename(path)) ? message : `${path}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { ...data, path },
    cause: error,
  });
}

/**
 * Reads what a user may hand to publish: a directory, a .deb. Must be closed.
 * @throws GtpkgError FILE_NOT_FOUND, SOURCE_DIR_MALFORMED, CONTROL_MALFORMED, DEB_…
 */
export async function readInput(path: string): Promise<PackageInput> {
  const { readDeb, readDirectory } = await import('../../package-repo/index.js');
  const kind = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('FILE_NOT_FOUND', `${path} does not exist`, {
        hint: 'Name a directory with a control file, or a .deb.',
        cause: error,
      });
    throw systemFailure(error, path);
  });
  try {
    return kind.isDirectory() ? await readDirectory(path) : await readDeb(path);
  } catch (error) {
    throw inputFailure(error, path);
  }
}

/**
 * Commits what `path` holds into its package repository.
 * @param accept - may refuse it before anything is written
 * @throws GtpkgError as readInput; ALREADY_EXISTS
 */
export async function buildFrom(
  context: Context,
  path: string,
  { repo, accept }: { repo?: string | undefined; accept?: (control: Control) => void } = {},
): Promise<BuiltRelease> {
  const input = await readInput(path);
  try {
    accept?.(input.control);
    return await commit(context, input, repo);
  } catch (error) {
    throw inputFailure(error, path);
  } finally {
    await input.close();
  }
}

/** Builds one directory. */
export async function buildPackage(
  context: Context,
  directory: string,
  repo: string | undefined,
): Promise<BuiltRelease> {
  return buildFrom(context, directory, { repo });
}

/** Imports .deb files in the order given. @throws GtpkgError DEB_MALFORMED, DEB_UNSAFE */
export async function importPackages(
  context: Context,
  files: readonly string[],
  repo: string | undefined,
): Promise<BuiltRelease[]> {
  if (files.length === 0)
    throw new GtpkgError('USAGE', 'no .deb file is named', { hint: 'gtpkg package import FILE.deb...' });
  const releases: BuiltRelease[] = [];
  context.report({ kind: 'start', id: 'import', label: 'Importing', total: files.length });
  for (const file of files) {
    releases.push(await buildFrom(context, file, { repo }));
    context.report({ kind: 'advance', id: 'import', done: releases.length, note: file });
  }
  context.report({ kind: 'end', id: 'import' });
  return releases;
}

/** The one release that `choice` means. @throws GtpkgError RELEASE_NOT_FOUND */
export async function chooseRelease(
  context: Context,
  choice: ReleaseChoice,
): Promise<{ repository: string; release: DescribedRelease }> {
  const { describeRelease, listReleases } = await import('../../package-repo/index.js');
  const isPath = choice.name.includes('/') || choice.name.endsWith('.git');
  const repository = isPath ? resolve(choice.name) : repositoryOf(context, choice.name);
  const all = await listReleases(repository).catch((error: unknown) => {
    if (error instanceof GtpkgError && error.code === 'RELEASE_NOT_FOUND') {
      throw new GtpkgError('RELEASE_NOT_FOUND', `there is no package repository ${repository}`, {
        hint: 'gtpkg package build or import makes one.',
        cause: error,
      });
    }
    throw error;
  });
  const fitting = all
    .filter(
      (each) =>
        (choice.version === undefined || each.version === choice.version) &&
        (choice.architecture === undefined || each.architecture === choice.architecture),
    )
    .sort((a, b) => compareVersions(b.version, a.version));
  const newest = fitting.filter((each) => each.version === fitting[0]?.version);
  const id = newest[0];
  if (id === undefined) {
    throw new GtpkgError(
      'RELEASE_NOT_FOUND',
      `${choice.name} has no release ${choice.version ?? ''}${choice.architecture === undefined ? '' : ` for ${choice.architecture}`}`.trim(),
      {
        hint:
          all.length === 0
            ? 'The repository is empty.'
            : `It has ${all.map((each) => `${each.version} (${each.architecture})`).join(', ')}.`,
      },
    );
  }
  if (newest.length > 1) {
    throw new GtpkgError(
      'USAGE',
      `${id.version} exists for ${newest.map((each) => each.architecture).join(' and ')}`,
      { hint: 'Choose one with --architecture.' },
    );
  }
  return { repository, release: await describeRelease(repository, id) };
}

/** The key to sign with: the one named, or the only private one. @throws GtpkgError KEY_NOT_FOUND */
export async function releaseKey(context: Context, key: string | undefined): Promise<string> {
  if (key !== undefined) return key;
  const own = (await (await context.keys()).list()).filter((each) => each.secret && !each.revoked);
  if (own.length === 1 && own[0] !== undefined) return own[0].fingerprint;
  throw new GtpkgError(
    'KEY_NOT_FOUND',
    own.length === 0 ? 'this home has no private key' : `this home has ${own.length} private keys`,
    {
      hint:
        own.length === 0
          ? 'gtpkg key generate --name N --email E makes one.'
          : 'Choose one with --key FINGERPRINT.',
    },
  );
}

/** Signs one built release. */
export async function signPackage(
  context: Context,
  options: ReleaseChoice & { key: string | undefined; passphraseFile: string | undefined },
): Promise<SignedRelease> {
  const { signRelease, tagName } = await import('../../package-repo/index.js');
  const { repository, release } = await chooseRelease(context, options);
  const signer = await signerFor(context, await releaseKey(context, options.key), options.passphraseFile);
  const signed = await signRelease(repository, release.id, signer);
  return {
    ...release.id,
    tag: signed.tag,
    tagName: tagName(release.id),
    signer: signer.fingerprint,
    repository,
    changed: signed.changed,
  };
}

function details(repository: string, release: DescribedRelease, verified: true | null): ReleaseDetails {
  return {
    ...release.id,
    repository,
    control: release.control.fields.toString(),
    commit: release.commit,
    tree: release.tag?.tree ?? null,
    tag: release.tag?.oid ?? null,
    signer: release.tag?.claimedSigner ?? null,
    paths: release.manifest.length,
    installedBytes: manifestSize(release.manifest),
    conffiles: release.conffiles.map((path) => `/${pathToText(path)}`),
    scripts: [...release.scripts].map(([name, bytes]) => ({
      name,
      text: Buffer.from(bytes).toString('utf8'),
    })),
    verified,
  };
}

/** Shows what a repository holds, unchecked. */
export async function showPackage(context: Context, choice: ReleaseChoice): Promise<ReleaseDetails> {
  const { repository, release } = await chooseRelease(context, choice);
  return details(repository, release, null);
}

/** A release whose tag is there. */
export type TaggedRelease = DescribedRelease & { readonly tag: NonNullable<DescribedRelease['tag']> };

/**
 * The key of this home whose signature the release's tag carries, checked.
 * @throws GtpkgError SIGNATURE_MISSING, SIGNER_UNKNOWN, SIGNATURE_BAD, …
 */
export async function releaseSigner(context: Context, release: DescribedRelease): Promise<PublicKey> {
  const { name, version } = release.id;
  if (release.tag === undefined)
    throw new GtpkgError('SIGNATURE_MISSING', `${name} ${version} is not signed`, {
      hint: `gtpkg package sign ${name} ${version}`,
    });
  const { verifyDetached } = await import('../../trust/index.js');
  const keys = await context.keys();
  const known = await Promise.all((await keys.list()).map((key) => keys.publicKey(key.fingerprint)));
  const { payload: signed, signature } = release.tag;
  const { signer } = await verifyDetached({ signed, signature, keys: known, now: context.now });
  return keys.publicKey(signer);
}

/**
 * Checks a release exactly as a client would, by the key it claims, which must be in this home.
 * @throws GtpkgError SIGNATURE_MISSING, SIGNER_UNKNOWN, SIGNATURE_BAD, …
 */
export async function verifyPackage(context: Context, choice: ReleaseChoice): Promise<ReleaseDetails> {
  const { fileSource, verifyRelease, writeImage } = await import('../../package-repo/index.js');
  const { repository, release: found } = await chooseRelease(context, choice);
  const release = found as TaggedRelease;
  const key = await releaseSigner(context, release);
  const scratch = await mkdtemp(join(tmpdir(), 'gtpkg-verify-'));
  try {
    const file = join(scratch, 'image');
    const { byteLength } = await writeImage(repository, release.id, file, { level: 1 });
    const source = await fileSource(file);
    // the core key is not known here and not checked: nothing came through a core
    const pin = {
      ...release.id,
      core: { key: '' as CoreKey, byteLength },
      tag: release.tag.oid,
      tree: release.tag.tree,
      signer: key.fingerprint,
    };
    const head = await verifyRelease({ source, pin, keys: [key], now: context.now });
    await head.extract({
      entry: () => undefined,
      file: async (_entry, chunks) => {
        for await (const chunk of chunks) void chunk;
      },
    });
    return details(repository, release, true);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
