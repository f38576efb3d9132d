/**
 * Tables that fit the terminal: columns as wide as their widest cell, the last one cut where the line ends.
 */
import stringWidth from 'string-width';
import pc from 'picocolors';
import { printable } from '../../model/index.js';

/** Columns of the terminal, unlimited when stdout is none (a file, a pipe). */
export function terminalWidth(): number {
  return process.stdout.isTTY ? (process.stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
}

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let out = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(out + segment) > width - 1) return `${out}…`;
    out += segment;
  }
  return out;
}

/**
 * Rows under a heading. Cells come from outside: they are made harmless here.
 * @param heading - column names
 * @param rows - one array a row, as long as the heading
 */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell).replace(/\s+/g, ' ')));
  const widths = heading.map((name, column) =>
    Math.max(stringWidth(name), ...cells.map((row) => stringWidth(row[column] ?? ''))),
  );
  const total = terminalWidth();
  const line = (row: readonly string[], paint: (text: string) => string): string => {
    let left = total;
    const parts = row.map((cell, column) => {
      const last = column === row.length - 1;
      const text = cut(cell, Math.max(1, left));
      left -= (widths[column] ?? 0) + 2;
      return last ? text : text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(text)));
    });
    return paint(parts.join('  ').trimEnd());
  };
  return [line(heading, pc.bold), ...cells.map((row) => line(row, String))].join('\n');
}

/** Name and value pairs, one a line, values aligned. */
export function facts(pairs: readonly (readonly [string, string | undefined])[]): string {
  const shown = pairs.filter(
    (pair): pair is readonly [string, string] => pair[1] !== undefined && pair[1] !== '',
  );
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${pc.dim(`${name}:`.padEnd(width + 1))} ${printable(value)}`)
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
