/**
 * Whose scripts are called because of another package that comes: those that it breaks are deconfigured, those that it conflicts with are removed
 * in its favour. Policy §6.6 (steps 2 and 3 of unpacking), §7.3, §7.4; dpkg --auto-deconfigure. Pure.
 */
import { relationsOf } from '../model/control.js';
import type { Relation } from '../model/relation.js';
import { installed, satisfies } from './phases.js';
import type { Incoming, PackageChange, TransactionPlan } from './plan.js';
import type { InstalledPackage, RootStatus } from './status.js';

/** What happens to others before a package is unpacked. */
export interface Favour {
  /** upgraded later in the same transaction; `removing`: because that one, which it needs, goes */
  readonly deconfigured: readonly { readonly change: PackageChange; readonly removing?: InstalledPackage }[];
  readonly removed: readonly PackageChange[];
}

/** By incoming package; those that nobody else is in the way of are not in it. */
export function favours(
  { changes, incoming }: Pick<TransactionPlan, 'changes' | 'incoming'>,
  status: RootStatus,
): ReadonlyMap<string, Favour> {
  const there = changes.filter(({ from }) => from?.state === 'installed');
  const leaving = there.filter(({ action }) => action === 'remove' || action === 'purge');
  const place = new Map(incoming.map(({ name }, at) => [name, at]));
  const taken = new Set<string>();
  const found = new Map<string, Favour>();
  const isHit = (relations: readonly Relation[], by: Incoming, { name, from }: PackageChange): boolean =>
    from !== undefined &&
    name !== by.name &&
    relations.some((relation) => satisfies(relation, installed(from)));
  for (const [at, by] of incoming.entries()) {
    const { conflicts, breaks } = by.release.control.relations;
    const removed = leaving.filter((one) => !taken.has(one.name) && isHit(conflicts, by, one));
    for (const { name } of removed) taken.add(name);
    const later = there.filter(({ name }) => (place.get(name) ?? -1) > at);
    const deconfigured = later.flatMap((change): Favour['deconfigured'][number][] => {
      if (isHit(breaks, by, change)) return [{ change }];
      const removing = removed.find((one) => isLost(change, one, { by, status }));
      return removing?.from === undefined ? [] : [{ change, removing: removing.from }];
    });
    if (removed.length > 0 || deconfigured.length > 0) found.set(by.name, { deconfigured, removed });
  }
  return found;
}

// The installed version of `change` needs `gone`, and neither what stays nor `by` does it as well.
function isLost(
  change: PackageChange,
  gone: PackageChange,
  { by, status }: { readonly by: Incoming; readonly status: RootStatus },
): boolean {
  const { from } = change;
  if (from === undefined || gone.from === undefined) return false;
  const { depends, preDepends } = relationsOf(from.fields);
  const lost = installed(gone.from);
  const comes = { name: by.name, version: by.version, provides: by.release.control.relations.provides };
  const others = [...status.values()].filter(
    ({ name, state }) => state === 'installed' && name !== gone.name,
  );
  return [...preDepends, ...depends].some(
    (clause) =>
      clause.some((relation) => satisfies(relation, lost)) &&
      !clause.some((relation) => satisfies(relation, comes)) &&
      !others.some((pkg) => clause.some((relation) => satisfies(relation, installed(pkg)))),
  );
}
