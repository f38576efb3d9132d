/**
 * Tables that fit the terminal, name-and-value pairs, sizes and counts.
 */
import { printable } from '../../model/bytes.js';
import { out } from './colors.js';
import { cut, width } from './width.js';

/** Columns are not made narrower than this. */
const NARROWEST = 6;

/** Columns of the terminal, unlimited when stdout is none (a file, a pipe). */
export function terminalWidth(): number {
  return process.stdout.isTTY ? (process.stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
}

// The widest columns give way until the line fits; all that are wider than the limit found become equally wide.
function fit(widths: readonly number[], total: number): number[] {
  const room = total - 2 * (widths.length - 1);
  const limited = (limit: number): number[] => widths.map((each) => Math.min(each, limit));
  let limit = Math.max(0, ...widths);
  while (limit > NARROWEST && limited(limit).reduce((sum, each) => sum + each, 0) > room) limit--;
  return limited(limit);
}

/**
 * Rows under a heading. Cells come from outside: they are made harmless here.
 * @param heading - column names
 * @param rows - one array a row, as long as the heading
 * @param total - columns of the terminal
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  total = terminalWidth(),
): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell).replace(/\s+/g, ' ')));
  const natural = heading.map((name, column) =>
    cells.reduce((most, row) => Math.max(most, width(row[column] ?? '')), width(name)),
  );
  const widths = total === Number.POSITIVE_INFINITY ? natural : fit(natural, total);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => pad(cut(cell, widths[column] ?? 0), widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [out.bold(line(heading)), ...cells.map(line)].join('\n');
}

/** The text with blanks up to so many columns. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

/** Text from outside that must stay on its line. */
export function oneLine(text: string): string {
  return printable(text).replace(/\n/g, '\\n').replace(/\t/g, '\\t');
}

/** Name and value pairs, one a line, values aligned. What is undefined or empty is left out. */
export function facts(pairs: readonly (readonly [string, string | undefined])[]): string {
  const shown = pairs.filter(
    (pair): pair is readonly [string, string] => pair[1] !== undefined && pair[1] !== '',
  );
  const widest = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${out.dim(`${name}:`.padEnd(widest + 1))} ${oneLine(value)}`)
    .join('\n');
}

/** `1.4 MB`, as people read sizes; powers of 1000, as apt prints them. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${bytes < 0 ? '-' : ''}${value.toFixed(digits)} ${units[unit]}`;
}

/** `3 packages`, `1 package`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
