/**
 * Who may sign an index: shown, and changed. A change needs the old threshold and the new one. docs/formats/index.md §3, §8.
 */
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { getIndex, writeIndex } from '../places.js';
import { signerFor } from './keys.js';
import { indexRepository, pushIndex, rootsHere } from './own-index.js';
import type { PendingSummary } from './pending.js';

/** As the command line says it; nothing of it: the roots are only shown. */
export interface RootsOptions {
  readonly index: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly threshold: number | undefined;
  readonly passphraseFile: string | undefined;
  readonly dryRun: boolean;
}

/** The roots of an index, after a change if there was one. */
export interface IndexRoots {
  readonly index: string;
  readonly dryRun: boolean;
  readonly changed: boolean;
  readonly threshold: number;
  readonly roots: readonly {
    readonly fingerprint: string;
    readonly userId: string;
    /** the private part is here */
    readonly here: boolean;
    readonly state: 'valid' | 'expired' | 'revoked';
    /** RFC 3339: when its algorithm will be refused; null when no such date is set */
    readonly weakFrom: string | null;
  }[];
  /** for new users; the older one goes on to work */
  readonly introduction: string;
  readonly pending: readonly PendingSummary[];
}

/** @throws GtpkgError INDEX_NOT_FOUND, KEY_NOT_FOUND, USAGE, SIGNER_UNKNOWN */
export async function indexRoots(context: Context, options: RootsOptions): Promise<IndexRoots> {
  const { changeIndex, introductionOf, openIndex, readIndexKey, tipOf, viewIndex } =
    await import('../../index-repo/index.js');
  const { formatIntroduction } = await import('../../model/index.js');
  const index = await getIndex(context, options.index);
  const directory = indexRepository(index);
  const repository = await openIndex(directory);
  const tip = await tipOf(repository);
  const view = await viewIndex((oid) => repository.read(oid), tip);
  const { roots, threshold } = view.authorizations;
  const store = await context.keys();
  const keys = new Map<Fingerprint, PublicKey>();
  for (const root of roots) keys.set(root, await readIndexKey(repository, tip, root));
  for (const word of options.remove) {
    const fingerprint = await resolveRoot(store, word, roots);
    if (!keys.delete(fingerprint))
      throw new GtpkgError('USAGE', `${fingerprint} is no root of ${index.name}`, {
        hint: `Its roots are ${roots.join(', ')}.`,
      });
  }
  for (const word of options.add) {
    const fingerprint = await store.resolve(word);
    keys.set(fingerprint, await store.publicKey(fingerprint));
  }
  const wanted = options.threshold ?? Math.min(threshold, keys.size);
  const asked = options.add.length + options.remove.length > 0 || options.threshold !== undefined;
  const shared = { index: index.name, dryRun: options.dryRun, threshold: wanted };
  const here = new Set(await rootsHere(context, [...keys.keys()]));
  const shown = [...keys.values()].map((key) => rootLine(context, key, here.has(key.fingerprint)));
  if (!asked || options.dryRun) {
    if (wanted > keys.size || keys.size === 0)
      throw new GtpkgError('USAGE', `a threshold of ${wanted} does not fit ${keys.size} root keys`);
    const introduction = formatIntroduction({
      ...introductionOf(view),
      roots: [...keys.keys()].sort(),
      threshold: wanted,
    });
    return { ...shared, changed: false, roots: shown, introduction, pending: [] };
  }
  const signers = await Promise.all(
    (await rootsHere(context, [...new Set([...roots, ...keys.keys()])])).map((root) =>
      signerFor(context, root, options.passphraseFile),
    ),
  );
  const made = await changeIndex(directory, {
    changes: [{ kind: 'authorize', roots: [...keys.values()], threshold: wanted }],
    signers,
    now: context.now,
  });
  // what is pending was judged by the introduction that there is; a new one is for new users
  const pending = await pushIndex(context, index);
  const after = await viewIndex((oid) => repository.read(oid), made.commit);
  const introduction = introductionOf(after);
  if (pending.length === 0) await writeIndex(context, { ...index, introduction });
  return {
    ...{ ...shared, changed: made.changed, roots: shown },
    introduction: formatIntroduction(introduction),
    pending,
  };
}

// A root that is to go need not be a key of this home.
async function resolveRoot(
  store: Awaited<ReturnType<Context['keys']>>,
  word: string,
  roots: readonly Fingerprint[],
): Promise<Fingerprint> {
  const hex = word.replace(/\s+/g, '').toUpperCase();
  const found = /^[0-9A-F]{8,40}$/.test(hex) ? roots.filter((root) => root.endsWith(hex)) : [];
  return found.length === 1 && found[0] !== undefined ? found[0] : store.resolve(word);
}

function rootLine(context: Context, key: PublicKey, here: boolean): IndexRoots['roots'][number] {
  const expired = key.expires !== undefined && key.expires <= context.now;
  return {
    fingerprint: key.fingerprint,
    userId: key.userIds[0] ?? '',
    here,
    state: key.revoked ? 'revoked' : expired ? 'expired' : 'valid',
    weakFrom: key.weakFrom?.toISOString() ?? null,
  };
}
