/**
 * Clauses in one array, each with where it comes from: what it stands for, or what it was derived from.
 *
 * A clause lies as serial, length, two links, literals; a reference is its offset. The links belong to whoever keeps
 * lists of clauses by their first two literals.
 */

/** A clause as it was added, with what it stands for. */
export interface Stated<Origin> {
  readonly literals: readonly number[];
  readonly origin: Origin;
}

/** No clause. */
export const NONE = -1;
/** Places before the literals. */
export const HEADER = 4;

/** The store. Literals may be put in another order in place; nothing is ever taken out. */
export class Clauses<Origin> {
  /** replaced when it grows: do not keep over a call that adds */
  arena = new Int32Array(1 << 12);
  #used = 0;
  // By serial.
  readonly #offsets: number[] = [];
  readonly #origins: (Origin | undefined)[] = [];
  readonly #antecedents: (readonly number[] | undefined)[] = [];

  /** Adds a clause from outside: the literals, after `head` where that is not 0. */
  state(head: number, literals: readonly number[], origin: Origin): number {
    return this.#store(head, literals, origin);
  }

  /** Adds a derived clause; `antecedents` are serials, and negated variables that were fixed at level 0. */
  learn(literals: readonly number[], antecedents: readonly number[]): number {
    const reference = this.#store(0, literals, undefined);
    this.#antecedents[this.serial(reference)] = antecedents;
    return reference;
  }

  #store(head: number, literals: readonly number[], origin: Origin | undefined): number {
    const reference = this.#used;
    const length = literals.length + (head === 0 ? 0 : 1);
    const end = reference + HEADER + length;
    if (end > this.arena.length) {
      const larger = new Int32Array(Math.max(end, this.arena.length * 2));
      larger.set(this.arena);
      this.arena = larger;
    }
    const { arena } = this;
    arena[reference] = this.#origins.push(origin) - 1;
    arena[reference + 1] = length;
    arena[reference + 2] = NONE;
    arena[reference + 3] = NONE;
    let at = reference + HEADER;
    if (head !== 0) arena[at++] = head;
    for (let i = 0; i < literals.length; i++) arena[at++] = literals[i] ?? 0;
    this.#offsets.push(reference);
    this.#used = end;
    return reference;
  }

  serial(reference: number): number {
    return this.arena[reference] ?? 0;
  }

  length(reference: number): number {
    return this.arena[reference + 1] ?? 0;
  }

  /** A view, not a copy. */
  literals(reference: number): Int32Array {
    return this.arena.subarray(reference + HEADER, reference + HEADER + this.length(reference));
  }

  /**
   * The stated clauses behind the clauses `serials` and behind the values of `literals` at level 0.
   * @param reasons - by variable, the clause that gave it its value
   */
  proof(
    serials: readonly number[],
    literals: Iterable<number>,
    reasons: readonly number[],
  ): Stated<Origin>[] {
    const work = [...serials];
    for (const literal of literals) work.push(-Math.abs(literal));
    const seen = new Set<number>(work);
    const found = new Set<number>();
    const visit = (item: number): void => {
      if (seen.has(item)) return;
      seen.add(item);
      work.push(item);
    };
    for (let item = work.pop(); item !== undefined; item = work.pop()) {
      if (item < 0) {
        const reason = reasons[-item] ?? NONE;
        if (reason === NONE) continue;
        visit(this.serial(reason));
        for (const literal of this.literals(reason)) visit(-Math.abs(literal));
      } else if (this.#origins[item] === undefined) {
        for (const before of this.#antecedents[item] ?? []) visit(before);
      } else found.add(item);
    }
    return [...found].sort((a, b) => a - b).flatMap((serial) => this.#statedAt(serial));
  }

  // Literals sorted: in the arena they change places.
  #statedAt(serial: number): Stated<Origin>[] {
    const origin = this.#origins[serial];
    const literals = [...this.literals(this.#offsets[serial] ?? 0)].sort((a, b) => Math.abs(a) - Math.abs(b));
    return origin === undefined ? [] : [{ literals, origin }];
  }
}
