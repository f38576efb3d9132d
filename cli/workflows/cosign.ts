/**
 * Co-signing a release: in a package repository of one's own or a clone, and on from there by file to whoever lists it. docs/formats/release.md §7.
 */
import { writeFile } from 'node:fs/promises';
import { GtpkgError, type ReleaseId } from '../../model/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { signerFor } from './keys.js';
import {
  chooseRelease,
  releaseKey,
  releaseSigner,
  type ReleaseChoice,
  type TaggedRelease,
} from './packages.js';

/** As the command line says it. */
export interface CosignOptions extends ReleaseChoice {
  readonly key: string | undefined;
  readonly passphraseFile: string | undefined;
  /** a co-signature to take in, and where to write the one that was made */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly dryRun: boolean;
}

/** What came of it. */
export interface CosignedRelease extends ReleaseId {
  readonly dryRun: boolean;
  readonly repository: string;
  readonly signer: string;
  readonly tagName: string;
  readonly changed: boolean;
  /** all that have co-signed, by the names of their tags; those that are not this one's are unchecked */
  readonly cosigners: readonly string[];
  readonly file: string | null;
}

/** @throws GtpkgError RELEASE_NOT_FOUND, SIGNATURE_MISSING, SIGNER_UNKNOWN, KEY_NOT_FOUND, RELEASE_MISMATCH, … */
export async function cosignPackage(context: Context, options: CosignOptions): Promise<CosignedRelease> {
  const cosign = await import('../../package-repo/cosign.js');
  const { repository, release: found } = await chooseRelease(context, options);
  const release = found as TaggedRelease;
  const { id } = release;
  // nobody puts a name to what they could not check themselves
  const maintainer = await releaseSigner(context, release);
  const finish = async (signer: string, changed: boolean, file: string | null): Promise<CosignedRelease> => ({
    ...id,
    dryRun: options.dryRun,
    repository,
    signer,
    tagName: cosign.cosignTagName(id, signer as never),
    changed,
    cosigners: (await cosign.listCosignatures(repository, id)).map((each) => each.signer).sort(),
    file,
  });
  if (options.from !== undefined) {
    const cosignature = cosign.readCosignature(await readGiven(options.from));
    const store = await context.keys();
    if (!(await store.has(cosignature.signer)))
      throw new GtpkgError('KEY_NOT_FOUND', `the key ${cosignature.signer} that co-signed is not here`, {
        hint: 'gtpkg key import FILE takes over its public part.',
        data: { key: cosignature.signer },
      });
    const keys = [await store.publicKey(cosignature.signer)];
    await cosign.checkCosignature({ ...id, tree: release.tag.tree }, cosignature, { keys, now: context.now });
    const isNew = !options.dryRun && (await cosign.storeCosignature(repository, id, cosignature));
    return finish(cosignature.signer, isNew, null);
  }
  const signer = await signerFor(context, await releaseKey(context, options.key), options.passphraseFile);
  if (signer.fingerprint === maintainer.fingerprint)
    throw new GtpkgError('USAGE', `${signer.fingerprint} has signed ${id.name} ${id.version} itself`, {
      hint: 'A co-signature is by another key; choose one with --key.',
    });
  if (options.dryRun) return finish(signer.fingerprint, true, null);
  const { cosignature, changed } = await cosign.cosignRelease(repository, id, signer);
  if (options.to !== undefined) await writeFile(options.to, cosignature.tag);
  return finish(signer.fingerprint, changed, options.to ?? null);
}
