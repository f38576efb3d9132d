/**
 * A set of packages as it is or will be in a root, one release a name.
 */
import { compareBytes } from '../model/bytes.js';
import type { Clause, Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { ByArchitecture, packageOf } from './architectures.js';
import { excludes, satisfies } from './match.js';

/** One dependency that a set of packages does not meet. */
export interface Unmet {
  readonly name: string;
  readonly version: string;
  readonly field: 'Pre-Depends' | 'Depends';
  readonly clause: Clause;
}

const NOBODY: readonly Candidate[] = Object.freeze([]);

/** Read-only; lists come by name. */
export class State {
  readonly #architecture: string;
  readonly #byName = new Map<string, Candidate>();
  /** under each name: the package itself and what provides the name */
  readonly #known = new Map<string, Candidate[]>();
  /** by identity of the relation, as Pool does */
  readonly #satisfiers: ByArchitecture<Relation, readonly Candidate[]>;

  /** @param architecture - the native one */
  constructor(candidates: Iterable<Candidate>, architecture: string) {
    this.#architecture = architecture;
    this.#satisfiers = new ByArchitecture(architecture);
    for (const candidate of [...candidates].sort((a, b) => compareBytes(a.name, b.name))) {
      this.#byName.set(candidate.name, candidate);
      this.#know(packageOf(candidate.name), candidate);
      for (const { name } of candidate.relations.provides) this.#know(name, candidate);
    }
  }

  // A package may provide its own name, or one name in several versions.
  #know(name: string, candidate: Candidate): void {
    const list = this.#known.get(name);
    if (list === undefined) this.#known.set(name, [candidate]);
    else if (list.at(-1) !== candidate) list.push(candidate);
  }

  /** How many packages. */
  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Candidate | undefined {
    return this.#byName.get(name);
  }

  /** The releases of one package, for whatever architecture. */
  instances(name: string): readonly Candidate[] {
    const own = packageOf(name);
    return (this.#known.get(own) ?? NOBODY).filter((candidate) => packageOf(candidate.name) === own);
  }

  /** All packages, by name. */
  all(): IterableIterator<Candidate> {
    return this.#byName.values();
  }

  /** What satisfies a dependency of `owner`. */
  satisfiers(relation: Relation, owner: Candidate): readonly Candidate[] {
    const asked = this.#satisfiers.for(owner);
    const known = asked.get(relation);
    if (known !== undefined) return known;
    const named = this.#known.get(relation.name);
    const found =
      named === undefined
        ? NOBODY
        : named.filter((candidate) => satisfies(candidate, relation, { owner, native: this.#architecture }));
    asked.set(relation, found);
    return found;
  }

  satisfied(clause: Clause, owner: Candidate): boolean {
    return clause.some((relation) => this.satisfiers(relation, owner).length > 0);
  }

  /** What a Conflicts or Breaks of `owner` means. */
  against(owner: Candidate, relation: Relation): readonly Candidate[] {
    const named = this.#known.get(relation.name);
    if (named === undefined) return NOBODY;
    return named.filter((candidate) => excludes(owner, relation, { candidate, native: this.#architecture }));
  }

  /** Dependencies of these packages that nothing here satisfies. */
  unmet(): Unmet[] {
    const list: Unmet[] = [];
    for (const owner of this.all()) {
      const { name, version, relations } = owner;
      for (const clause of relations.preDepends) {
        if (!this.satisfied(clause, owner)) list.push({ name, version, field: 'Pre-Depends', clause });
      }
      for (const clause of relations.depends) {
        if (!this.satisfied(clause, owner)) list.push({ name, version, field: 'Depends', clause });
      }
    }
    return list;
  }
}
