/**
 * From releases that were decided upon to a transaction: fetch what says what they are, verify that, and hand over to whoever stages what has
 * come while the rest is on its way. A delta that cannot be had or does not give the release is a detour, not a failure: the release itself is
 * fetched, and what was begun is begun again.
 */
import { GtpkgError, type DeltaRef, type ReleasePin, type VerifiedRelease } from '../../model/index.js';
import type { LayOut } from '../../installer/lay-out.js';
import type { OpenRoot } from '../../installer/root.js';
import type { Context } from '../context.js';
import { optimizeAfter } from '../optimizing.js';
import type { Arrivals } from './arrivals.js';
import { coreOf, startFetch, verifyReleases, withNames, type ClaimedRelease } from './releases.js';

/**
 * See optimizing.ts. An installation is over before most code that gets hot has paid for being optimized, in three threads: with the default a
 * seventh of the CPU time of 126 packages was V8's compiler.
 */
const INTERRUPT_BUDGET = 600_000;

/** A release of the plan, and what it costs. */
export interface PlannedRelease extends ClaimedRelease {
  /** bytes to fetch */
  readonly missing: number;
  /** bytes that are not fetched because it comes as a delta */
  readonly saved: number;
}

/** What has been verified, up to the payloads. */
export interface Verified {
  readonly releases: ReadonlyMap<ReleasePin, VerifiedRelease>;
  /** the delta that a release comes as */
  readonly via: ReadonlyMap<ReleasePin, Pick<DeltaRef, 'from' | 'core'>>;
  readonly layOut: LayOut;
}

/** @throws what fetching, verifying and `transaction` throw */
export async function carryOut<T>(
  context: Context,
  { root, planned }: { readonly root: OpenRoot; readonly planned: readonly PlannedRelease[] },
  transaction: (verified: Verified) => Promise<T>,
): Promise<T> {
  const [{ chooseLayOut }, { loadOpenpgp }] = await Promise.all([
    import('./lay-out.js'),
    import('../../trust/openpgp.js'),
  ]);
  let wanted = planned;
  for (;;) {
    let arrivals: Arrivals | undefined;
    let layOut: LayOut | undefined;
    try {
      // of what comes as itself after all, nobody has looked how much is here
      const lacking = wanted === planned ? wanted.reduce((sum, { missing }) => sum + missing, 0) : undefined;
      arrivals = await startFetch(context, wanted, lacking);
      // with its bytecode, which V8 refuses once the flag is another
      await loadOpenpgp();
      optimizeAfter(INTERRUPT_BUDGET);
      const cores = wanted.flatMap(({ pin, way }) => (way?.basis === undefined ? pin.core : []));
      layOut = chooseLayOut(root, cores, arrivals);
      const releases = await verifyReleases(context, wanted, arrivals);
      const result = await transaction({
        releases: new Map(releases.map((release, i) => [wanted[i]?.pin ?? release.pin, release])),
        via: new Map(
          wanted.flatMap(({ pin, way }) =>
            way?.basis === undefined ? [] : [[pin, { from: way.basis.tree, core: way.core }] as const],
          ),
        ),
        layOut,
      });
      const deltas = wanted.reduce((sum, each) => sum + each.saved, 0);
      if (deltas > 0) {
        const { recordSaved } = await import('../../replication/usage.js');
        await recordSaved(context.settings.home, { deltas });
      }
      return result;
    } catch (error) {
      const without = await withoutDeltas(context, wanted, error);
      if (without === undefined) throw withNames(error, wanted);
      wanted = without;
    } finally {
      await layOut?.stop();
      await arrivals?.stop();
    }
  }
}

/** What to try instead after `error`; undefined when deltas had no part in it. */
async function withoutDeltas(
  context: Context,
  wanted: readonly PlannedRelease[],
  error: unknown,
): Promise<readonly PlannedRelease[] | undefined> {
  if (!(error instanceof GtpkgError)) return undefined;
  const deltas = wanted.filter(({ way }) => way?.basis !== undefined);
  let failed: readonly PlannedRelease[] = [];
  if (error.code === 'DELTA_UNUSABLE') {
    failed = deltas.filter(({ pin }) => pin.name === error.data['package']);
  } else if (['BLOCKS_MISSING', 'PEER_CORRUPT', 'CORE_MISMATCH'].includes(error.code)) {
    const held = await (await context.depot()).held(deltas.map(coreOf));
    failed = deltas.filter((each, i) => held[i] !== coreOf(each).byteLength);
  }
  if (failed.length === 0) return undefined;
  const names = failed.map(({ pin }) => pin.name);
  const what = names.length === 1 ? `The delta of ${names.join('')}` : `The deltas of ${names.join(', ')}`;
  context.report({ kind: 'note', text: `${what} cannot be used (${error.message}); fetching all of it.` });
  return wanted.map(({ way, ...each }) =>
    failed.some(({ pin }) => pin === each.pin)
      ? { ...each, missing: 0, saved: 0 }
      : { ...each, ...(way === undefined ? {} : { way }) },
  );
}
