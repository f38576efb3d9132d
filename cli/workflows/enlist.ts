/** Puts prepared releases into an index: one signed commit, and the index core brought up to it. */
import { formatIntroduction } from '../../model/index.js';
import type { IndexEntry } from '../../index-repo/index.js';
import type { PublicKey, Signer } from '../../trust/index.js';
import type { Attributes } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import type { OwnIndex } from '../places.js';
import { contentsChanges } from './contents-publish.js';
import { mustBeAccepted } from './index-accepts.js';
import { indexRepository, pushIndex } from './own-index.js';
import type { PendingSummary } from './pending.js';

/** What came of it. */
export interface Published {
  readonly index: string;
  readonly suite: string;
  readonly sequence: number;
  readonly changed: boolean;
  readonly dryRun: boolean;
  readonly introduction: string;
  /** what other roots must sign before anybody sees it */
  readonly pending: readonly PendingSummary[];
  readonly releases: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
    readonly core: string | null;
    readonly size: number;
    readonly state: 'published' | 'unchanged';
  }[];
}

/** A release whose core is in the store. */
export interface Prepared {
  readonly entry: IndexEntry;
  /** of the release's signer */
  readonly key: PublicKey;
  /** of its co-signers */
  readonly cosigners?: readonly PublicKey[];
  readonly state: 'published' | 'unchanged';
  /** what its manifest puts where; a release without is listed in no contents */
  readonly paths?: readonly string[];
  /** what policy asks of the release itself */
  readonly told?: Attributes;
}

/** One signed commit for all of it. */
export async function enlist(
  context: Context,
  job: {
    index: OwnIndex;
    suite: string;
    prepared: readonly Prepared[];
    signers: readonly Signer[];
    allowOlder: boolean;
  },
): Promise<Published> {
  const { changeIndex } = await import('../../index-repo/index.js');
  const { index, suite, prepared } = job;
  const fresh = prepared.filter((each) => each.state === 'published');
  await mustBeAccepted(
    context,
    index,
    fresh.map(({ entry, told }) => ({ entry, suite, told })),
  );
  const keys = new Map(
    fresh.flatMap((each) => [each.key, ...(each.cosigners ?? [])]).map((key) => [key.fingerprint, key]),
  );
  const changed = await changeIndex(indexRepository(index), {
    changes: [
      ...[...keys.values()].map((publicKey) => ({ kind: 'key' as const, publicKey })),
      ...fresh.map(({ entry }) => ({ kind: 'add' as const, suite, entry })),
      ...(await contentsChanges(context, { index, suite, fresh })),
    ],
    signers: job.signers,
    now: context.now,
    allowOlder: job.allowOlder,
  });
  const pending = await pushIndex(context, index);
  return {
    index: index.name,
    suite,
    sequence: changed.sequence,
    changed: changed.changed,
    dryRun: false,
    introduction: formatIntroduction(index.introduction),
    pending,
    releases: prepared.map(({ entry: { pin }, state }) => ({
      name: pin.name,
      version: pin.version,
      architecture: pin.architecture,
      core: pin.core.key,
      size: pin.core.byteLength,
      state,
    })),
  };
}
