/**
 * Deltas: made where a release is published, chosen where an older one is installed.
 */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import {
  compareVersions,
  type Basis,
  type CoreRef,
  type DeltaRef,
  type ReleaseId,
  type ReleasePin,
} from '../../model/index.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { Context } from '../context.js';

/** A delta that saves less than this part of the release is not worth a second core for every seeder. */
const WORTH = 0.25;

/** How a release comes: as itself, or as a delta upon the one that is installed. */
export interface Way {
  /** what is fetched */
  readonly core: CoreRef;
  /** set when it is a delta */
  readonly basis?: Basis;
}

/** Bytes of a core that are not held. */
export type Missing = (core: CoreRef) => number;

/**
 * The way with the fewest bytes to fetch.
 * @param missing - of every core in question
 * @throws GtpkgError STATUS_CORRUPT when the manifest of the installed release is damaged
 */
export async function chooseWay(
  context: Context,
  { pin, deltas }: { readonly pin: ReleasePin; readonly deltas: readonly DeltaRef[] },
  { installed, missing }: { readonly installed: InstalledPackage | undefined; readonly missing: Missing },
): Promise<Way> {
  const whole = { core: pin.core };
  if (installed?.state !== 'installed' || installed.replaced.length > 0) return whole;
  const delta = deltas.find(({ from }) => installed.pin.tree.startsWith(from));
  if (delta === undefined || missing(delta.core) >= missing(pin.core)) return whole;
  const { installedBasis } = await import('../../installer/basis.js');
  const basis = installedBasis(context.settings.root, installed);
  return basis === undefined ? whole : { core: delta.core, basis };
}

/** All cores that may bring these releases. */
export function coresOf(
  releases: readonly { readonly pin: ReleasePin; readonly deltas: readonly DeltaRef[] }[],
): CoreRef[] {
  return releases.flatMap(({ pin, deltas }) => [pin.core, ...deltas.map(({ core }) => core)]);
}

/** What makes deltas of a release that was just signed. */
export interface DeltaWork {
  readonly repository: string;
  readonly id: ReleaseId;
  /** the release's own, to compare with */
  readonly core: CoreRef;
  /** from how many older releases, the newest first */
  readonly count: number;
  readonly scratch: string;
}

/** Makes them and puts them into the store. @throws GtpkgError OBJECT_CORRUPT, NO_SPACE, … */
export async function makeDeltas(context: Context, work: DeltaWork): Promise<DeltaRef[]> {
  const { listReleases, writeDelta } = await import('../../package-repo/index.js');
  const { repository, id, core, count, scratch } = work;
  const older = (await listReleases(repository))
    .filter(
      (each) =>
        each.tag !== undefined &&
        each.architecture === id.architecture &&
        compareVersions(each.version, id.version) < 0,
    )
    .sort((a, b) => compareVersions(b.version, a.version))
    .slice(0, count);
  const depot = await context.depot({ local: true });
  const made: DeltaRef[] = [];
  for (const from of older) {
    const outFile = join(scratch, 'delta');
    const note = `${id.name} ${from.version} → ${id.version}`;
    context.report({ kind: 'start', id: 'delta', label: 'Delta', unit: 'bytes' });
    const written = await writeDelta({
      repoDir: repository,
      from,
      to: id,
      outFile,
      onProgress: (done, total) => context.report({ kind: 'advance', id: 'delta', done, total, note }),
    }).finally(() => context.report({ kind: 'end', id: 'delta' }));
    if (written !== undefined && written.byteLength <= core.byteLength * (1 - WORTH))
      made.push({
        version: from.version,
        from: written.from.slice(0, 16),
        core: await depot.putStatic(outFile),
      });
    await rm(outFile, { force: true });
  }
  return made;
}
