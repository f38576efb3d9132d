/**
 * What a package is found by: the words of its name, summary and description. docs/formats/query.md §3. Pure.
 */

/** Where a word stands: the low bits of a posting. */
export const FIELD = { name: 1, summary: 2, description: 4 } as const;
/** Bits of a posting that say where. */
export const FIELD_BITS = 3;
/** A longer run of letters is no word: a hash, a key. */
const MAX_WORD = 40;

const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}+#]*/gu;
const PLAIN_WORD = /[a-z0-9][a-z0-9+#]*/g;
const PLAIN = /^[\0-\x7f]*$/;

/** The words of a text, lower case, as strings of bytes (see word-table.ts), in order and perhaps repeated. */
export function wordsOf(text: string): string[] {
  const lower = text.toLowerCase();
  if (PLAIN.test(lower)) return (lower.match(PLAIN_WORD) ?? []).filter((word) => word.length <= MAX_WORD);
  return (lower.normalize('NFC').match(WORD) ?? [])
    .filter((word) => word.length <= MAX_WORD)
    .map((word) => Buffer.from(word, 'utf8').toString('latin1'));
}

/** The words of one package, each with the places where it stands. */
export function indexWords(name: string, summary: string, description: string): Map<string, number> {
  const found = new Map<string, number>();
  const add = (text: string, field: number): void => {
    for (const word of wordsOf(text)) found.set(word, (found.get(word) ?? 0) | field);
  };
  add(name, FIELD.name);
  add(summary, FIELD.summary);
  add(description, FIELD.description);
  return found;
}
