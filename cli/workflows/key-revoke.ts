/**
 * Revokes a key of this home, and puts the revoked key into the indexes that are signed here: from their next state on it counts for
 * everybody who follows them. docs/formats/index.md §3, §6.
 *
 * Order: the indexes are signed first, since the key may be the only root that can; then the key store forgets nothing; then the indexes are
 * published. Interrupted anywhere, the command can be run again.
 */
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import type { PublicKey, RevocationReason } from '../../trust/index.js';
import type { Context } from '../context.js';
import { listIndexes, type OwnIndex } from '../places.js';
import { confirm, passphraseFrom } from '../prompt.js';
import { signerFor } from './keys.js';
import { indexRepository, pushIndex, rootsHere } from './own-index.js';
import type { PendingSummary } from './pending.js';

/** As the command line says it. */
export interface RevokeOptions {
  readonly key: string;
  readonly reason: RevocationReason;
  readonly message: string;
  readonly passphraseFile: string | undefined;
  readonly dryRun: boolean;
}

/** What came of it. */
export interface RevokedKey {
  readonly fingerprint: string;
  readonly dryRun: boolean;
  readonly kind: 'hard' | 'soft';
  /** it was revoked before, and was only put into the indexes now */
  readonly again: boolean;
  readonly indexes: readonly {
    readonly name: string;
    readonly sequence: number;
    /** the key is a root of it, and should be one no longer */
    readonly root: boolean;
    /** it has no other root: nobody can sign it any more */
    readonly last: boolean;
    readonly pending: readonly PendingSummary[];
  }[];
}

interface Holder {
  readonly index: OwnIndex;
  readonly roots: readonly Fingerprint[];
  readonly threshold: number;
  readonly sequence: number;
}

/** @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, USAGE when nobody has confirmed */
export async function revokeKey(context: Context, options: RevokeOptions): Promise<RevokedKey> {
  const store = await context.keys();
  const fingerprint = await store.resolve(options.key);
  const before = await store.publicKey(fingerprint);
  const holders = await holdersOf(context, fingerprint);
  const kind = before.revocation?.kind ?? (options.reason === 'compromised' ? 'hard' : 'soft');
  const shared = { fingerprint, dryRun: options.dryRun, kind, again: before.revoked };
  const listed = (holder: Holder): Omit<RevokedKey['indexes'][number], 'pending'> => ({
    name: holder.index.name,
    sequence: holder.sequence + 1,
    root: holder.roots.includes(fingerprint),
    last: holder.roots.length === 1 && holder.roots[0] === fingerprint,
  });
  if (options.dryRun)
    return { ...shared, indexes: holders.map((each) => ({ ...listed(each), pending: [] })) };
  if (!before.revoked) await mustBeMeant(context, before, options.reason);
  const revoked = before.revoked
    ? before
    : await store.revoked(fingerprint, {
        reason: options.reason,
        message: options.message,
        ask: passphraseFrom(options.passphraseFile, async () => before.userIds[0] ?? fingerprint),
      });
  for (const holder of holders) await putInPlace(context, holder, { revoked, options });
  await store.import(revoked.armored);
  const indexes: RevokedKey['indexes'][number][] = [];
  for (const holder of holders)
    indexes.push({ ...listed(holder), pending: await pushIndex(context, holder.index) });
  return { ...shared, indexes };
}

async function mustBeMeant(context: Context, key: PublicKey, reason: RevocationReason): Promise<void> {
  const meant = await confirm(
    `Revoke ${key.userIds[0] ?? ''} (${key.fingerprint}) as ${reason}? This cannot be undone.`,
    { yes: context.settings.yes, unattended: false, suggested: false },
  );
  if (meant) return;
  throw new GtpkgError('USAGE', 'nothing was revoked', {
    hint: 'A revocation cannot be undone: say --yes where nobody can be asked.',
  });
}

async function putInPlace(
  context: Context,
  { index, roots, threshold }: Holder,
  { revoked, options }: { revoked: PublicKey; options: RevokeOptions },
): Promise<void> {
  const { changeIndex } = await import('../../index-repo/index.js');
  const { fingerprint } = revoked;
  // the key itself only where there are too few others: its parent state still names it
  const here = await rootsHere(context, roots);
  const usable = [
    ...here.filter((root) => root !== fingerprint),
    ...here.filter((root) => root === fingerprint),
  ];
  if (usable.length === 0) {
    context.report({
      kind: 'warning',
      text: `${index.name} names this key too, and no other root key of it is here: its other roots have to put the revoked one in place`,
    });
    return;
  }
  const signers = await Promise.all(
    usable.slice(0, threshold).map((root) => signerFor(context, root, options.passphraseFile)),
  );
  await changeIndex(indexRepository(index), {
    changes: [{ kind: 'key', publicKey: revoked }],
    signers,
    now: context.now,
    message: `revoke ${fingerprint} (${options.reason})`,
  });
}

// Indexes kept here that name the key.
async function holdersOf(context: Context, fingerprint: Fingerprint): Promise<Holder[]> {
  const { openIndex, showIndex, tipOf } = await import('../../index-repo/index.js');
  const out: Holder[] = [];
  for (const index of await listIndexes(context)) {
    const directory = indexRepository(index);
    const commit = await tipOf(await openIndex(directory));
    const { keys, authorizations, distribution } = await showIndex(directory, { commit });
    if (!keys.includes(fingerprint)) continue;
    const { roots, threshold } = authorizations;
    out.push({ index, roots, threshold, sequence: distribution.sequence });
  }
  return out;
}
