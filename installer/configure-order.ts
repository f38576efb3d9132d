/** In which order the packages of a transaction are configured. Pure. */
import type { Incoming } from './plan.js';

/**
 * The order in which to configure: as they come, which is the resolver's order of dependencies. Where nothing is there yet, Essential
 * packages and what they need come first, as with debootstrap: all others take them for granted and do not say so.
 */
export function configureOrder(incoming: readonly Incoming[], fromNothing: boolean): readonly Incoming[] {
  if (!fromNothing) return incoming;
  const providers = new Map<string, Incoming[]>();
  for (const by of incoming)
    for (const name of [by.name, ...by.release.control.relations.provides.map((one) => one.name)])
      providers.set(name, [...(providers.get(name) ?? []), by]);
  const first = new Set<Incoming>();
  const visit = (by: Incoming): void => {
    if (first.has(by)) return;
    first.add(by);
    const { preDepends, depends } = by.release.control.relations;
    for (const clause of [...preDepends, ...depends])
      for (const { name } of clause) for (const other of providers.get(name) ?? []) visit(other);
  };
  for (const by of incoming) if (by.release.control.essential) visit(by);
  return [...incoming.filter((by) => first.has(by)), ...incoming.filter((by) => !first.has(by))];
}
