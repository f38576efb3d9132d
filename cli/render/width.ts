/**
 * How many columns a text takes on a terminal. The library that knows wide and combining characters takes longer to load
 * than most commands run: it is loaded when a text has any, and until then one character is one column.
 */

// one column each: ASCII, Latin letters, and what gtpkg itself prints
// eslint-disable-next-line no-control-regex
const PLAIN = /^[\n\x1b -~\u00a1-\u00ac\u00ae-\u02ff…→━✓✗]*$/;

let known: ((text: string) => number) | undefined;

/** Whether the library would count the same as the text's length. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** To be awaited before a text that is not plain is laid out. */
export async function loadWidths(): Promise<void> {
  known ??= (await import('string-width')).default;
}

/** Columns of one line. */
export function width(text: string): number {
  return known === undefined || isPlain(text) ? text.length : known(text);
}

/** The text, cut to so many columns; what was cut ends in `…`. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let out = '';
  let left = columns - 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    left -= width(segment);
    if (left < 0) break;
    out += segment;
  }
  return `${out}…`;
}
