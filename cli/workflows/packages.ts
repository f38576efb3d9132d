/**
 * Releases in package repositories: sign, show, verify.
 */
import { join, resolve } from 'node:path';
import {
  compareVersions,
  GtpkgError,
  manifestSize,
  pathToText,
  type CoreKey,
  type ReleaseId,
} from '../../model/index.js';
import type { DescribedRelease } from '../../package-repo/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { withScratch } from '../scratch.js';
import { repositoryOf } from './build.js';
import { signerFor } from './keys.js';

export { buildFrom, readInput } from './build.js';

/** A release as a signed tag. */
export interface SignedRelease extends ReleaseId {
  readonly dryRun: boolean;
  /** null with `dryRun` when there is none yet */
  readonly tag: string | null;
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
  /** those that its maintainer takes away on upgrade */
  readonly goneConffiles: readonly string[];
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
  options: ReleaseChoice & {
    readonly key: string | undefined;
    readonly passphraseFile: string | undefined;
    readonly dryRun: boolean;
  },
): Promise<SignedRelease> {
  const { signRelease, tagName } = await import('../../package-repo/index.js');
  const { repository, release } = await chooseRelease(context, options);
  const { id, tag } = release;
  const signer = await signerFor(context, await releaseKey(context, options.key), options.passphraseFile);
  const signed = options.dryRun
    ? { tag: tag?.oid ?? null, changed: tag === undefined }
    : await signRelease(repository, id, signer);
  const { fingerprint } = signer;
  return { ...id, dryRun: options.dryRun, ...signed, tagName: tagName(id), signer: fingerprint, repository };
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
    goneConffiles: release.goneConffiles.map((path) => `/${pathToText(path)}`),
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
  try {
    const { signer } = await verifyDetached({ signed, signature, keys: known, now: context.now });
    return await keys.publicKey(signer);
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.code !== 'SIGNER_UNKNOWN') throw error;
    throw new GtpkgError('SIGNER_UNKNOWN', `${name} ${version}: ${error.message}`, {
      hint: 'If you trust that key, gtpkg key import FILE takes over its public part.',
      data: error.data,
      cause: error,
    });
  }
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
  return withScratch(context, 'verify', async (scratch) => {
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
  });
}
