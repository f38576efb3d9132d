/**
 * Which packages have to be configured before others are unpacked: Pre-Depends (Policy §7.2). Pure.
 *
 * A transaction changes all files at once. Only where a package has something to run before its files come, and Pre-Depends on what the same
 * transaction brings, does it fall into *phases*: the files and the scripts of the one, then those of the other. Whatever needs a package of a
 * later phase comes in that phase too, or later; packages that need each other in a circle are of one phase.
 */
import { relationsOf } from '../model/control.js';
import type { Clause, Relation } from '../model/relation.js';
import { versionSatisfies } from '../model/version.js';
import type { Incoming } from './plan.js';
import type { InstalledPackage, RootStatus } from './status.js';

/** By package: the phase in which it comes, where that is not 0. */
export type Phases = ReadonlyMap<string, number>;

/** Whether the package, or something that it provides, is what the relation asks for. Policy §7.1, §7.5. */
export function satisfies(
  relation: Relation,
  pkg: { readonly name: string; readonly version: string; readonly provides: readonly Relation[] },
): boolean {
  const fits = (version: string | undefined): boolean =>
    relation.operator === undefined ||
    relation.version === undefined ||
    (version !== undefined && versionSatisfies(version, relation.operator, relation.version));
  if (relation.name === pkg.name) return fits(pkg.version);
  return pkg.provides.some(({ name, version }) => name === relation.name && fits(version));
}

/** An installed package, as `satisfies` takes it. */
export function installed({ name, version, fields }: InstalledPackage): Parameters<typeof satisfies>[1] {
  return { name, version, provides: relationsOf(fields).provides };
}

/** The phases of a transaction that runs scripts. */
export function phasesOf(incoming: readonly Incoming[], status: RootStatus): Phases {
  const gated = new Set(
    incoming.filter(
      ({ release }) => release.scripts.has('preinst') && release.control.relations.preDepends.length > 0,
    ),
  );
  if (gated.size === 0) return new Map();
  const graph = new Graph(incoming, status);
  const level = new Map<Incoming, number>();
  for (const circle of circles(incoming, (by) => graph.needs(by))) {
    const together = new Set(circle);
    let at = 0;
    for (const by of circle) {
      for (const other of graph.needs(by)) if (!together.has(other)) at = Math.max(at, level.get(other) ?? 0);
      if (!gated.has(by)) continue;
      for (const other of graph.before(by))
        if (!together.has(other)) at = Math.max(at, (level.get(other) ?? 0) + 1);
    }
    for (const by of circle) level.set(by, at);
  }
  return new Map([...level].flatMap(([{ name }, at]) => (at === 0 ? [] : [[name, at] as const])));
}

class Graph {
  readonly #status: RootStatus;
  readonly #providers = new Map<string, Incoming[]>();

  constructor(incoming: readonly Incoming[], status: RootStatus) {
    this.#status = status;
    for (const by of incoming)
      for (const name of new Set([by.name, ...by.release.control.relations.provides.map((one) => one.name)]))
        this.#providers.set(name, [...(this.#providers.get(name) ?? []), by]);
  }

  /** What of the transaction it needs, in whatever way. */
  needs({ release }: Incoming): Incoming[] {
    const { preDepends, depends } = release.control.relations;
    return [...preDepends, ...depends].flatMap((clause) => this.#of(clause));
  }

  /** What of the transaction has to be configured before it is unpacked: where what is there now will not do. */
  before({ release }: Incoming): Incoming[] {
    return release.control.relations.preDepends.flatMap((clause) =>
      this.#isMetNow(clause) ? [] : this.#of(clause),
    );
  }

  #of(clause: Clause): Incoming[] {
    return clause.flatMap((relation) =>
      (this.#providers.get(relation.name) ?? []).filter(({ name, version, release }) =>
        satisfies(relation, { name, version, provides: release.control.relations.provides }),
      ),
    );
  }

  #isMetNow(clause: Clause): boolean {
    const isConfigured = (pkg: InstalledPackage): boolean =>
      pkg.state === 'installed' && pkg.scriptsSkipped !== true;
    return clause.some((relation) => {
      const named = this.#status.get(relation.name);
      if (named !== undefined && isConfigured(named) && satisfies(relation, installed(named))) return true;
      return [...this.#status.values()].some(
        (pkg) =>
          isConfigured(pkg) &&
          pkg.fields.get('Provides')?.includes(relation.name) === true &&
          satisfies(relation, installed(pkg)),
      );
    });
  }
}

/** Strongly connected components, each after those that it points to. Tarjan 1972, without recursion. */
function circles<T>(nodes: readonly T[], next: (node: T) => readonly T[]): T[][] {
  const index = new Map<T, number>();
  const low = new Map<T, number>();
  const stack: T[] = [];
  const isOpen = new Set<T>();
  const found: T[][] = [];
  const lower = (node: T, to: number): void => void low.set(node, Math.min(low.get(node) ?? to, to));
  for (const start of nodes) {
    if (index.has(start)) continue;
    const work: { node: T; left: T[] }[] = [];
    const enter = (node: T): void => {
      index.set(node, index.size);
      lower(node, index.size - 1);
      stack.push(node);
      isOpen.add(node);
      work.push({ node, left: [...next(node)] });
    };
    enter(start);
    for (let top = work.at(-1); top !== undefined; top = work.at(-1)) {
      const { node, left } = top;
      const other = left.pop();
      if (other !== undefined) {
        if (!index.has(other)) enter(other);
        else if (isOpen.has(other)) lower(node, index.get(other) ?? 0);
        continue;
      }
      work.pop();
      const above = work.at(-1);
      if (above !== undefined) lower(above.node, low.get(node) ?? 0);
      if (low.get(node) !== index.get(node)) continue;
      const circle = stack.splice(stack.indexOf(node));
      for (const one of circle) isOpen.delete(one);
      found.push(circle);
    }
  }
  return found;
}
