/** A table of numbers whose length is known only at the end. Pure. */
export class Growing {
  #array = new Int32Array(1 << 10);
  length = 0;

  push(value: number): number {
    if (this.length === this.#array.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.#array);
      this.#array = larger;
    }
    this.#array[this.length] = value;
    return ++this.length;
  }

  at(index: number): number {
    return this.#array[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.#array[index] = value;
  }

  get last(): number {
    return this.at(this.length - 1);
  }

  /** A view, not a copy; the bits of what was pushed, without sign. */
  get values(): Uint32Array {
    return new Uint32Array(this.#array.buffer, 0, this.length);
  }
}
