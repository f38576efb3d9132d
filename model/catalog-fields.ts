/**
 * Where the fields of a release lie in a catalog. docs/formats/catalog.md. Pure.
 */

/** Goes through the fields of one release. */
export class FieldReader {
  readonly #fields: Uint32Array;
  readonly #mask: number;
  #at: number;

  constructor(fields: Uint32Array, at: number, mask = fields[at] ?? 0) {
    this.#fields = fields;
    this.#mask = mask;
    this.#at = at + 1;
  }

  /** How many clauses the field of this bit has; they come next. */
  count(bit: number): number {
    return (this.#mask & (1 << bit)) === 0 ? 0 : this.next();
  }

  /** Passes over the field of this bit; gives readers that stand at its beginning. */
  skip(bit: number): () => FieldReader {
    const at = this.#at;
    const count = this.count(bit);
    this.#at += count;
    return () => new FieldReader(this.#fields, at - 1, this.#mask);
  }

  next(): number {
    return this.#fields[this.#at++] ?? 0;
  }
}
