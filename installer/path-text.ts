/**
 * Byte paths as one word of UTF-8 text, for the status file. docs/formats/root-state.md §Paths.
 *
 * A byte that would break the line (control, space, %) is %XX; when the whole is not UTF-8, so is
 * every byte above 0x7f. unescapePath(escapePath(p)) = p.
 */
import { pathFromText, type BytePath } from '../model/bytes.js';

const hex = (c: string): string => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** The path as one word without spaces. */
export function escapePath(path: string): string {
  // eslint-disable-next-line no-control-regex
  const plain = path.replace(/[\u0000-\u0020%\u007f]/g, hex);
  const text = Buffer.from(plain, 'latin1').toString('utf8');
  if (pathFromText(text) === plain) return text;
  return plain.replace(/[\u0080-\u00ff]/g, hex);
}

/** The path that escapePath wrote. */
export function unescapePath(text: string): BytePath {
  return pathFromText(text).replace(/%([0-9A-F]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  ) as BytePath;
}
