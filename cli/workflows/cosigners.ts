/**
 * Co-signatures of releases, as policy counts them: checked once for each state of an index, by the keys in it, and kept beside the query
 * file in `sources/NAME/cosigners.json`. A key that expires or is revoked later stops counting with the next state of the index.
 */
import { join } from 'node:path';
import {
  GtpkgError,
  type Cosignature,
  type Fingerprint,
  type Oid,
  type ReleasePin,
} from '../../model/index.js';
import type { IndexEntry } from '../../index-repo/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { readText, writeWhole } from '../files.js';
import type { Source } from '../places.js';
import { indexRepository } from './own-index.js';

/** Who co-signed, by the oid of the release's tag. */
export type Cosigners = ReadonlyMap<Oid, readonly Fingerprint[]>;

interface CosignersFile {
  /** index commit that it was made from */
  readonly commit: Oid;
  readonly releases: Readonly<Record<string, readonly Fingerprint[]>>;
}

const path = (source: Source): string => join(source.directory, 'cosigners.json');

/** What was checked of a source at a commit; nothing while its file is of another one, or cannot be read. */
export async function readCosigners(source: Source, at: Oid): Promise<Cosigners> {
  try {
    const { commit, releases } = JSON.parse((await readText(path(source))) ?? '{}') as Partial<CosignersFile>;
    if (commit !== at) return new Map();
    return new Map(Object.entries(releases ?? {}) as [Oid, readonly Fingerprint[]][]);
  } catch {
    return new Map();
  }
}

/** Who co-signed a release that is to be listed, by the keys of this home. */
export async function cosignersHere(context: Context, entry: IndexEntry): Promise<readonly Fingerprint[]> {
  if (entry.cosignatures.length === 0) return [];
  const { cosignersOf } = await import('../../package-repo/cosign.js');
  const keys = (await keysHere(context, entry.cosignatures)).map(({ key }) => key);
  return cosignersOf(entry.pin, entry.cosignatures, { keys, now: context.now });
}

/** The signers of these, as far as their keys are in this home. */
async function keysHere(
  context: Context,
  cosignatures: readonly Cosignature[],
): Promise<{ readonly cosignature: Cosignature; readonly key: PublicKey }[]> {
  const store = await context.keys();
  const found = [];
  for (const cosignature of cosignatures)
    if (await store.has(cosignature.signer))
      found.push({ cosignature, key: await store.publicKey(cosignature.signer) });
  return found;
}

/**
 * The good co-signatures of a release in its repository, with their keys: what publish lists. Those by keys that this home does not know are
 * told and left out.
 */
export async function cosignaturesToList(
  context: Context,
  repository: string,
  pin: ReleasePin,
): Promise<{ readonly cosignature: Cosignature; readonly key: PublicKey }[]> {
  const { checkCosignature, listCosignatures } = await import('../../package-repo/cosign.js');
  const all = await listCosignatures(repository, pin);
  const known = await keysHere(context, all);
  for (const { signer } of all)
    if (!known.some(({ cosignature }) => cosignature.signer === signer))
      context.report({
        kind: 'warning',
        text: `a co-signature of ${pin.name} ${pin.version} by ${signer} is left out: that key is not here`,
      });
  const good = [];
  for (const each of known) {
    try {
      await checkCosignature(pin, each.cosignature, { keys: [each.key], now: context.now });
      good.push(each);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      context.report({ kind: 'warning', text: `a co-signature is left out: ${error.message}` });
    }
  }
  return good;
}

/** Checks the co-signatures of a trusted state of the index. */
export async function recordCosigners(context: Context, source: Source, commit: Oid): Promise<void> {
  const known = await readText(path(source)).catch(() => undefined);
  if (known?.includes(`"commit":"${commit}"`) === true) return;
  const { openQuery } = await import('./offers.js');
  const query = openQuery(source);
  // of 63,000 entries only those that may have some are taken apart
  const entries =
    query?.meta.cosigned === false
      ? []
      : [...(query?.mentioning('\nCosignatures:') ?? [])].filter((entry) => entry.cosignatures.length > 0);
  query?.close();
  const releases: Record<string, readonly Fingerprint[]> = {};
  if (entries.length > 0) {
    const { openIndex, readIndexKey } = await import('../../index-repo/index.js');
    const { cosignersOf } = await import('../../package-repo/cosign.js');
    const repository = await openIndex(indexRepository(source));
    const keys = new Map<Fingerprint, PublicKey | undefined>();
    for (const { pin, cosignatures } of entries) {
      for (const { signer } of cosignatures)
        if (!keys.has(signer))
          keys.set(signer, await readIndexKey(repository, commit, signer).catch(() => undefined));
      const known = [...keys.values()].filter((key) => key !== undefined);
      const found = await cosignersOf(pin, cosignatures, { keys: known, now: context.now });
      if (found.length > 0) releases[pin.tag] = found;
    }
  }
  await writeWhole(path(source), `${JSON.stringify({ commit, releases } satisfies CosignersFile)}\n`);
}
