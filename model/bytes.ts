/**
 * Paths and names on disk are bytes, not text. Inside gtpkg such a string holds one byte per
 * character (latin1), so names that are not UTF-8 survive; these are the only doors in and out.
 */

declare const bytePath: unique symbol;

/** A relative path, `/`-separated, one byte per character, no leading `./`. */
export type BytePath = string & { readonly [bytePath]: true };

/** UTF-8 text to a byte path. */
export function pathFromText(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1') as BytePath;
}

/** Raw bytes to a byte path. */
export function pathFromBytes(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as BytePath;
}

/** Raw bytes for the file system. */
export function pathToBytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** For people: UTF-8 where it is, and control characters made harmless. */
export function pathToText(path: string): string {
  return printable(Buffer.from(path, 'latin1').toString('utf8'));
}

/** Text from outside, safe for a terminal: control and bidirectional characters are shown, not obeyed. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Joins two relative byte paths. */
export function joinPath(directory: string, name: string): BytePath {
  return (directory === '' ? name : `${directory}/${name}`) as BytePath;
}

/** The directory part of a relative path, '' at the top. */
export function parentPath(path: string): BytePath {
  const cut = path.lastIndexOf('/');
  return (cut < 0 ? '' : path.slice(0, cut)) as BytePath;
}

/** True for a relative path that stays below its root: no empty, `.`, `..` part, no NUL, not absolute. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.includes('\0')) return false;
  for (const part of path.split('/')) if (part === '' || part === '.' || part === '..') return false;
  return true;
}

/** Byte order, the order of manifests and git trees of files. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
