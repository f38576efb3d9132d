/**
 * The part of the universe that one resolution looks at, asked for by need and kept.
 *
 * Each release is one object, however often the universe makes it anew; lists come best first. Installed
 * releases and releases from files stand beside those of the universe. Order of the input never shows.
 */
import {
  compareBytes,
  compareVersions,
  formatClause,
  formatRelation,
  type Candidate,
  type Clause,
  type Relation,
} from '../model/index.js';
import { excludes, satisfies } from './match.js';
import type { Installed, Problem } from './problem.js';

const DEFAULT_PRIORITY = 500;
const INSTALLED_PRIORITY = 100;

const sameRelease = (a: Candidate, b: Candidate): boolean =>
  a.version === b.version && a.architecture === b.architecture;

function fingerprint(candidate: Candidate): string {
  const { preDepends, depends, recommends, conflicts, breaks, replaces, provides } = candidate.relations;
  const clauses = (list: readonly Clause[]): string => list.map(formatClause).join(', ');
  const relations = (list: readonly Relation[]): string => list.map(formatRelation).join(', ');
  return [preDepends, depends, recommends]
    .map(clauses)
    .concat([conflicts, breaks, replaces, provides].map(relations))
    .join('; ');
}

/** Releases by name and by relation. */
export class Pool {
  readonly architecture: string;
  readonly #problem: Problem;
  readonly #installed = new Map<string, Installed>();
  readonly #extra = new Map<string, Candidate[]>();
  readonly #named = new Map<string, readonly Candidate[]>();
  readonly #providers = new Map<string, readonly Candidate[]>();
  readonly #matching = new Map<string, readonly Candidate[]>();

  constructor(problem: Problem) {
    this.#problem = problem;
    this.architecture = problem.architecture;
    for (const installed of problem.installed) {
      this.#installed.set(installed.candidate.name, installed);
      this.#addExtra(installed.candidate);
    }
    if (problem.request.kind === 'install') {
      for (const { candidate } of problem.request.targets)
        if (candidate !== undefined) this.#addExtra(candidate);
    }
  }

  // Under its own name and every name it provides, for the universe may not know it.
  #addExtra(candidate: Candidate): void {
    for (const name of new Set([
      candidate.name,
      ...candidate.relations.provides.map((given) => given.name),
    ])) {
      const list = this.#extra.get(name);
      if (list === undefined) this.#extra.set(name, [candidate]);
      else if (!list.includes(candidate)) list.push(candidate);
    }
  }

  /** What is installed under this name. */
  installed(name: string): Installed | undefined {
    return this.#installed.get(name);
  }

  /** Everything installed, by name. */
  allInstalled(): Installed[] {
    return [...this.#installed.values()].sort((a, b) => compareBytes(a.candidate.name, b.candidate.name));
  }

  /** All releases of a name for this architecture, best first. */
  named(name: string): readonly Candidate[] {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const present = this.#installed.get(name)?.candidate;
    const files = (this.#extra.get(name) ?? []).filter((c) => c.name === name && c !== present);
    const list: Candidate[] = present === undefined ? [...files] : [present, ...files];
    for (const candidate of this.#problem.universe.versions(name)) {
      if (candidate.name !== name || !this.#native(candidate) || files.includes(candidate)) continue;
      if (present === undefined || !sameRelease(candidate, present)) list.push(candidate);
    }
    const ranked = this.#rank(list, { present, files });
    this.#named.set(name, ranked);
    return ranked;
  }

  #native(candidate: Candidate): boolean {
    return candidate.architecture === 'all' || candidate.architecture === this.architecture;
  }

  #rank(
    list: Candidate[],
    own: { present: Candidate | undefined; files: readonly Candidate[] },
  ): readonly Candidate[] {
    const standing = (c: Candidate): number => (c === own.present ? 0 : own.files.includes(c) ? 1 : 2);
    const order = (a: Candidate, b: Candidate): number =>
      this.priority(b) - this.priority(a) ||
      compareVersions(b.version, a.version) ||
      standing(a) - standing(b) ||
      compareBytes(b.version, a.version) ||
      compareBytes(a.source, b.source) ||
      compareBytes(a.suite, b.suite) ||
      compareBytes(b.architecture, a.architecture);
    list.sort((a, b) => order(a, b) || compareBytes(fingerprint(a), fingerprint(b)));
    return list.filter((c, at) => {
      const before = list[at - 1];
      return before === undefined || order(before, c) !== 0 || fingerprint(before) !== fingerprint(c);
    });
  }

  /** The policy's number; an installed release has the best of what the sources say of it. */
  priority(candidate: Candidate): number {
    const of = (c: Candidate): number => this.#problem.policy?.priority(c) ?? DEFAULT_PRIORITY;
    if (this.#installed.get(candidate.name)?.candidate !== candidate) return of(candidate);
    return Math.max(INSTALLED_PRIORITY, ...this.twins(candidate).map(of));
  }

  /** Releases of the universe that are the installed `candidate`: same version, same architecture. */
  twins(candidate: Candidate): readonly Candidate[] {
    const present = this.#installed.get(candidate.name)?.candidate;
    if (present !== candidate) return [];
    return this.#problem.universe
      .versions(candidate.name)
      .filter((other) => other.name === candidate.name && sameRelease(other, candidate));
  }

  /** Releases of other names that provide `name`, by name, then best first. */
  providers(name: string): readonly Candidate[] {
    const known = this.#providers.get(name);
    if (known !== undefined) return known;
    const names = new Set<string>();
    for (const candidate of this.#problem.universe.providers(name)) names.add(candidate.name);
    for (const candidate of this.#extra.get(name) ?? []) names.add(candidate.name);
    names.delete(name);
    const list = [...names]
      .sort(compareBytes)
      .flatMap((other) => this.named(other))
      .filter((candidate) => candidate.relations.provides.some((given) => given.name === name));
    this.#providers.set(name, list);
    return list;
  }

  /** Releases that satisfy a dependency: real ones before those that provide it. */
  matching(relation: Relation): readonly Candidate[] {
    const key = formatRelation(relation);
    const known = this.#matching.get(key);
    if (known !== undefined) return known;
    const list = [...this.named(relation.name), ...this.providers(relation.name)].filter((candidate) =>
      satisfies(candidate, relation, this.architecture),
    );
    this.#matching.set(key, list);
    return list;
  }

  /** Releases that a Conflicts or Breaks of the package `owner` means. */
  against(owner: string, relation: Relation): readonly Candidate[] {
    return [...this.named(relation.name), ...this.providers(relation.name)].filter((candidate) =>
      excludes(owner, relation, { candidate, architecture: this.architecture }),
    );
  }
}
