/** The rows of list. What is installed is told from the root's status alone. */
import { compareVersions } from '../../model/version.js';
import { readStatus, type InstalledPackage } from '../../installer/status.js';
import type { Context } from '../context.js';
import type { OfferedCandidate } from './offers.js';

/** A line of list. */
export interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly state: string;
  readonly summary: string;
}

/** What list found. */
export interface Listing {
  readonly which: 'installed' | 'upgradable' | 'all';
  readonly root: string;
  readonly packages: readonly ListedPackage[];
}

/** What is in the root, by name. */
export function installedByName(context: Context): Map<string, InstalledPackage> {
  return new Map([...readStatus(context.settings.root)].filter(([, each]) => each.state === 'installed'));
}

function newest(candidates: readonly OfferedCandidate[], architecture: string): OfferedCandidate | undefined {
  return candidates
    .filter((each) => each.architecture === architecture || each.architecture === 'all')
    .reduce<OfferedCandidate | undefined>(
      (best, each) => (best === undefined || compareVersions(each.version, best.version) > 0 ? each : best),
      undefined,
    );
}

/** What is in the root, what has a newer version, or what the sources offer, by name. */
export async function listPackages(context: Context, which: Listing['which']): Promise<Listing> {
  const { root } = context.settings;
  const installed = installedByName(context);
  if (which === 'installed') {
    const { revokedInstalls } = await import('./signer-states.js');
    const revoked = new Set((await revokedInstalls(context)).map((each) => each.name));
    const packages = [...installed.values()]
      .map((each) => row(each, stateOf(each, revoked.has(each.name))))
      .sort(byName);
    return { which, root, packages };
  }
  const { OfferedUniverse, openSources } = await import('./offers.js');
  const universe = new OfferedUniverse(await openSources(context));
  if (which === 'upgradable') {
    const packages = [...installed.values()].flatMap((each) => {
      const best = newest(universe.versions(each.name), context.architecture);
      if (best === undefined || compareVersions(best.version, each.version) <= 0) return [];
      const state = `${each.version} installed${each.held ? ', held' : ''}`;
      const { version, source, offer } = best;
      return [{ ...row(each, state), version, source, summary: offer.control.summary }];
    });
    return { which, root, packages: packages.sort(byName) };
  }
  const packages = [...universe.names()]
    .flatMap((name) => universe.versions(name))
    .map((each) => ({
      name: each.name,
      version: each.version,
      architecture: each.architecture,
      source: each.source,
      state: installed.get(each.name)?.pin.core.key === each.offer.pin.core.key ? 'installed' : '',
      summary: each.offer.control.summary,
    }))
    .sort((a, b) => byName(a, b) || compareVersions(b.version, a.version));
  return { which, root, packages };
}

function byName(a: ListedPackage, b: ListedPackage): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function stateOf(each: InstalledPackage, revoked: boolean): string {
  return ['installed', each.auto ? 'automatic' : '', each.held ? 'held' : '', revoked ? 'signer revoked' : '']
    .filter((part) => part !== '')
    .join(', ');
}

function row(each: InstalledPackage, state: string): ListedPackage {
  return {
    name: each.name,
    version: each.version,
    architecture: each.architecture,
    source: each.source,
    state,
    summary: (each.fields.get('Description') ?? '').split('\n', 1)[0] ?? '',
  };
}
