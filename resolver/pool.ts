/**
 * The part of the universe that one resolution looks at, asked for by need and kept.
 *
 * Each release is one object, however often the universe makes it anew; lists come best first. Installed
 * releases and releases from files stand beside those of the universe. Order of the input never shows.
 */
import { compareBytes } from '../model/bytes.js';
import { formatClause, formatRelation, type Clause, type Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { compareVersions } from '../model/version.js';
import { nameFor, packageOf } from './architectures.js';
import { fits, inPlace, serves, versionFits } from './match.js';
import { DEFAULT_PRIORITY } from './pins.js';
import type { Installed, Problem } from './problem.js';

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

/** Who provides a name: other packages, and whether some release of that name does too. */
interface Providers {
  readonly others: readonly Candidate[];
  readonly own: boolean;
}

/** Releases by name and by relation. */
export class Pool {
  readonly architecture: string;
  /** besides; in this order, the native one before */
  readonly foreign: readonly string[];
  readonly #problem: Problem;
  readonly #installed = new Map<string, Installed>();
  readonly #extra = new Map<string, Candidate[]>();
  readonly #named = new Map<string, readonly Candidate[]>();
  readonly #providers = new Map<string, Providers>();
  /** by identity: a universe that gives the same object for the same relation is answered from here */
  readonly #meant = new Map<Relation, readonly Candidate[]>();

  constructor(problem: Problem) {
    this.#problem = problem;
    this.architecture = problem.architecture;
    this.foreign = [...(problem.foreign ?? [])].sort(compareBytes);
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

  /** All releases of a name (of its architecture, see architectures.ts), best first. */
  named(name: string): readonly Candidate[] {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const present = this.#installed.get(name)?.candidate;
    const extra = this.#extra.get(name);
    if (extra === undefined) {
      const list = this.#problem.universe.versions(name).filter((candidate) => this.#native(candidate));
      const plain = list.length < 2 ? list : this.#rank(list, { present, files: [] });
      this.#named.set(name, plain);
      return plain;
    }
    const files = extra.filter((c) => c.name === name && c !== present);
    const list: Candidate[] = present === undefined ? [...files] : [present, ...files];
    for (const candidate of this.#problem.universe.versions(name)) {
      if (!this.#native(candidate) || files.includes(candidate)) continue;
      if (present === undefined || !sameRelease(candidate, present)) list.push(candidate);
    }
    const ranked = this.#rank(list, { present, files });
    this.#named.set(name, ranked);
    return ranked;
  }

  #native(candidate: Candidate): boolean {
    const { architecture } = candidate;
    return (
      architecture === 'all' || architecture === this.architecture || this.foreign.includes(architecture)
    );
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

  /** The names under which this package is known for other architectures. */
  instances(name: string): readonly string[] {
    if (this.foreign.length === 0) return NO_NAMES;
    const own = packageOf(name);
    return [this.architecture, ...this.foreign]
      .map((architecture) => nameFor(own, architecture, this.architecture))
      .filter((other) => other !== name);
  }

  /** All releases of a package, whatever the architecture, the native ones first. */
  #everywhere(name: string): readonly Candidate[] {
    const native = this.named(name);
    if (this.foreign.length === 0) return native;
    return [native, ...this.instances(name).map((other) => this.named(other))].flat();
  }

  /** Releases of other names that provide `name`, native ones first, by name, then best first. */
  providers(name: string): readonly Candidate[] {
    return this.#provided(name).others;
  }

  #provided(name: string): Providers {
    const known = this.#providers.get(name);
    if (known !== undefined) return known;
    const names = new Set<string>();
    for (const candidate of this.#problem.universe.providers(name)) names.add(candidate.name);
    for (const candidate of this.#extra.get(name) ?? [])
      if (packageOf(candidate.name) !== name || givesItself(candidate)) names.add(candidate.name);
    const own = [name, ...this.instances(name)].filter((one) => names.delete(one)).length > 0;
    const others =
      names.size === 0
        ? NOBODY
        : [...names]
            .sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')) || compareBytes(a, b))
            .flatMap((other) => this.named(other))
            .filter((candidate) => candidate.relations.provides.some((given) => given.name === name));
    const found = { others, own };
    this.#providers.set(name, found);
    return found;
  }

  /** Releases that satisfy a dependency of `owner`: real ones before those that provide it, native ones first. */
  matching(relation: Relation, owner: Candidate): readonly Candidate[] {
    const list = this.meant(relation);
    if (this.foreign.length === 0 && relation.archQualifier === undefined) return list;
    return list.filter((candidate) => serves(candidate, relation, { owner, native: this.architecture }));
  }

  /** Releases that are, or provide, what a relation names: those that a Conflicts means, but for the package itself. */
  meant(relation: Relation): readonly Candidate[] {
    const known = this.#meant.get(relation);
    if (known !== undefined) return known;
    const all = this.#find(relation);
    const list =
      relation.archQualifier === undefined
        ? all
        : all.filter((candidate) => inPlace(candidate, relation, this.architecture));
    this.#meant.set(relation, list);
    return list;
  }

  // What a release provides is only looked at where somebody provides that name: most releases need not even be read.
  #find(relation: Relation): readonly Candidate[] {
    const named = this.#everywhere(relation.name);
    const { others, own } = this.#provided(relation.name);
    if (relation.operator === undefined && others.length === 0) return named;
    const list = named.filter((one) => (own ? fits(one, relation) : versionFits(one.version, relation)));
    for (const one of others) if (fits(one, relation)) list.push(one);
    return list;
  }
}

const NOBODY: readonly Candidate[] = Object.freeze([]);
const NO_NAMES: readonly string[] = Object.freeze([]);

function givesItself({ name, relations }: Candidate): boolean {
  const own = packageOf(name);
  return relations.provides.some((given) => given.name === own);
}
