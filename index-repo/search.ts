/**
 * Words looked up in the lower-case texts of a query file: name, summary, description, each ended by a line break. Pure.
 */

/** Where a word was found, best first. */
const RANK = { exact: 0, prefix: 1, name: 2, summary: 3, description: 4 } as const;

/** Several words; all must occur. */
export class SearchQuery {
  readonly #words: readonly string[];
  readonly #needle: Buffer;

  constructor(words: readonly string[]) {
    const plain = words.flatMap((word) => word.toLowerCase().split(/\s+/)).filter((word) => word !== '');
    // the longest word is the rarest: it drives the scan
    this.#words = [...new Set(plain)].sort((a, b) => b.length - a.length);
    this.#needle = Buffer.from(this.#words[0] ?? '', 'utf8');
  }

  get empty(): boolean {
    return this.#words.length === 0;
  }

  /**
   * @param chunk - texts back to back
   * @param offsets - of each text and of the end; the first is where the chunk begins
   * @param found - told the index of each text that has all words, and its rank: lower is better
   */
  scan(chunk: Buffer, offsets: Uint32Array, found: (index: number, rank: number) => void): void {
    const base = offsets[0] ?? 0;
    let index = 0;
    for (let at = chunk.indexOf(this.#needle); at >= 0;) {
      while ((offsets[index + 1] ?? 0) - base <= at) index++;
      // a text ends with a line break, so no word reaches into the next one
      const end = (offsets[index + 1] ?? 0) - base;
      const rank = this.#rank(chunk.toString('utf8', (offsets[index] ?? 0) - base, end));
      if (rank !== undefined) found(index, rank);
      at = chunk.indexOf(this.#needle, end);
    }
  }

  // The sum over all words; undefined when one is missing.
  #rank(text: string): number | undefined {
    const name = text.slice(0, text.indexOf('\n'));
    const summaryEnd = text.indexOf('\n', name.length + 1);
    let sum = 0;
    for (const word of this.#words) {
      const at = text.indexOf(word);
      if (at < 0) return undefined;
      if (name === word) sum += RANK.exact;
      else if (at === 0) sum += RANK.prefix;
      else if (at + word.length <= name.length) sum += RANK.name;
      else sum += at < summaryEnd ? RANK.summary : RANK.description;
    }
    return sum;
  }
}
