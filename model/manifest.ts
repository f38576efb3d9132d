/**
 * The manifest of a release: every path with what git cannot keep. docs/formats/manifest.md, versions 1 and 2. Pure.
 *
 *     #gtpkg-manifest 1
 *     type mode owner group size mtime sha256 link path
 *
 * One path a line, sorted by the path's bytes, one space between fields. Version 2 is for those that have extended attributes, and has a line
 * for each behind its file's:
 *
 *     x name value
 *
 * Only the one canonical spelling is accepted: format(parse(x)) = x.
 */
import { compareBytes, isSafePath, parentPath, type BytePath } from './bytes.js';
import { GtpkgError } from './errors.js';
import type { Sha256 } from './ids.js';
import {
  MAX_MANIFEST_ENTRIES,
  MAX_MANIFEST_XATTRS,
  MAX_NAME,
  MAX_PATH,
  MAX_PATH_DEPTH,
  MAX_XATTRS,
  MAX_XATTRS_SIZE,
} from './limits.js';
import { CAPABILITY, capabilityOf, isCapability, isCarried, xattrsSize, type Xattr } from './xattr.js';

/** file, directory, symbolic link, hard link, character device, block device, fifo */
export type EntryType = 'f' | 'd' | 'l' | 'h' | 'c' | 'b' | 'p';

/** A user or group: name where the archive gave one, and number. */
export interface Owner {
  readonly name: string;
  readonly id: number;
}

export const ROOT_OWNER: Owner = { name: 'root', id: 0 };

/** One path of a release. */
export interface ManifestEntry {
  readonly type: EntryType;
  /** permission bits with set-uid, set-gid and sticky: 0..0o7777 */
  readonly mode: number;
  readonly owner: Owner;
  readonly group: Owner;
  /** bytes; 0 for all but files */
  readonly size: number;
  /** seconds since 1970 */
  readonly mtime: number;
  /** of the contents; files only */
  readonly sha256?: Sha256;
  /** `l`: target as written; `h`: the path it shares its inode with; `c`, `b`: `major:minor` */
  readonly link?: string;
  readonly path: BytePath;
  /** extended attributes of a file, sorted by name, never empty; a hard link has those of its file */
  readonly xattrs?: readonly Xattr[];
}

/** All entries, sorted, and the directories needed for each present before it. */
export type Manifest = readonly ManifestEntry[];

const HEADER = '#gtpkg-manifest 1\n';
/** The same length: only the digit differs. */
const HEADER_XATTRS = '#gtpkg-manifest 2\n';
const HEX = '0123456789ABCDEF';

// Bytes that would break the line, and bytes that are not UTF-8, become %XX; so does % itself.
function escapeField(text: string, spaces: boolean): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      const length = utf8Length(text, i);
      if (length > 0) {
        out += text.slice(i, i + length);
        i += length - 1;
        continue;
      }
    } else if (code > 0x20 && code !== 0x25 && code !== 0x7f) {
      out += text[i];
      continue;
    } else if (code === 0x20 && !spaces) {
      out += ' ';
      continue;
    }
    out += `%${HEX[code >> 4]}${HEX[code & 15]}`;
  }
  return out;
}

// Length of the well-formed UTF-8 sequence at i in a latin1 string (RFC 3629), 0 when there is none.
function utf8Length(text: string, i: number): number {
  const a = text.charCodeAt(i);
  const b = text.charCodeAt(i + 1);
  const follows = (n: number): boolean => {
    for (let k = 1; k <= n; k++)
      if ((text.charCodeAt(i + k) & 0xc0) !== 0x80 || i + k >= text.length) return false;
    return true;
  };
  if (a >= 0xc2 && a <= 0xdf) return follows(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    if (!follows(2) || (a === 0xe0 && b < 0xa0) || (a === 0xed && b > 0x9f)) return 0;
    return 3;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    if (!follows(3) || (a === 0xf0 && b < 0x90) || (a === 0xf4 && b > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

function unescapeField(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function formatOwner(owner: Owner): string {
  return owner.id === 0 && owner.name === 'root' ? 'root' : `${owner.name}=${owner.id}`;
}

function parseOwner(text: string): Owner | undefined {
  if (text === 'root') return ROOT_OWNER;
  const match = /^([A-Za-z_][A-Za-z0-9_.-]{0,31}\$?)?=(\d{1,10})$/.exec(text);
  const id = Number(match?.[2]);
  if (match === null || id > 0xffff_fffe) return undefined;
  return { name: match[1] ?? '', id };
}

// What stands for itself: printable ASCII but %. A line of nothing else has one spelling only, but for owners, and sizes beyond what a number holds.
const PLAIN = /^[ -$&-~]*$/;

/** One entry's line, without the newline. */
export function formatEntry(entry: ManifestEntry): string {
  const mode = entry.mode.toString(8).padStart(4, '0');
  const link = entry.link === undefined ? '-' : escapeField(entry.link, true).replace(/^-$/, '%2D');
  return `${entry.type} ${mode} ${formatOwner(entry.owner)} ${formatOwner(entry.group)} ${entry.size} ${entry.mtime} ${entry.sha256 ?? '-'} ${link} ${escapeField(entry.path, false)}`;
}

function formatXattr({ name, value }: Xattr): string {
  return `x ${escapeField(name, true)} ${value === '' ? '-' : value}`;
}

/** The manifest file's bytes. Sorts; does not check. */
export function formatManifest(entries: Iterable<ManifestEntry>): Buffer {
  const sorted = [...entries].sort((a, b) => compareBytes(a.path, b.path));
  let header = HEADER;
  const lines = sorted.map((entry) => {
    // a hard link's are those of its file, and stand there
    if (entry.xattrs === undefined || entry.type === 'h') return `${formatEntry(entry)}\n`;
    header = HEADER_XATTRS;
    return [formatEntry(entry), ...entry.xattrs.map(formatXattr), ''].join('\n');
  });
  return Buffer.from(header + lines.join(''), 'latin1');
}

// Not \S: to a regular expression the byte a0, a part of "à", is white space.
const LINE =
  /^([fdlhcbp]) ([0-7]{4}) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,15}) (-?[1-9]\d{0,11}|0) (-|[0-9a-f]{64}) ([^ ]+) (.+)$/s;

/**
 * Parses and checks a manifest: order, spelling, safe paths, parents that are directories, hard links
 * that point back to a file. What passes can be laid out on disk without leaving its root.
 * @throws GtpkgError MANIFEST_MALFORMED, LIMIT_EXCEEDED
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const fail = (line: number, what: string): never => {
    throw new GtpkgError('MANIFEST_MALFORMED', `manifest:${line}: ${what}`, { data: { line } });
  };
  const hasXattrs = text.startsWith(HEADER_XATTRS);
  if (!hasXattrs && !text.startsWith(HEADER)) return fail(1, 'this is not a manifest of version 1 or 2');
  if (!text.endsWith('\n')) return fail(0, 'the last line is cut short');
  if (text === HEADER) return [];
  const lines = text.slice(HEADER.length, -1).split('\n');
  if (lines.length > MAX_MANIFEST_ENTRIES + (hasXattrs ? MAX_MANIFEST_XATTRS : 0))
    throw new GtpkgError('LIMIT_EXCEEDED', `manifest: more than ${MAX_MANIFEST_ENTRIES} paths`);
  const entries: ManifestEntry[] = [];
  const files = new Map<string, readonly Xattr[]>();
  const types = new Map<string, EntryType>();
  let previous = '';
  let more = 0;
  for (let at = 0; at < lines.length; at++) {
    const number = at + 2;
    let entry = parseEntry(lines[at] ?? '') ?? fail(number, 'not an entry');
    checkEntry(entry, types, (what) => fail(number, what));
    if (compareBytes(previous, entry.path) >= 0) fail(number, 'paths are out of order or stand twice');
    previous = entry.path;
    types.set(entry.path, entry.type);
    if (hasXattrs) {
      const own: Xattr[] = [];
      for (; lines[at + 1]?.startsWith('x ') === true; at++)
        own.push(parseXattr(lines[at + 1] ?? '') ?? fail(at + 3, 'not an extended attribute'));
      checkXattrs(entry, own, (what) => fail(at + 2, what));
      if (own.length > 0) files.set(entry.path, own);
      more += own.length;
      const xattrs = own.length > 0 ? own : entry.type === 'h' ? files.get(entry.link ?? '') : undefined;
      if (xattrs !== undefined) entry = { ...entry, xattrs };
    }
    entries.push(entry);
  }
  if (hasXattrs && more === 0) fail(1, 'version 2 is for extended attributes, and there are none');
  if (more > MAX_MANIFEST_XATTRS || entries.length > MAX_MANIFEST_ENTRIES)
    throw new GtpkgError('LIMIT_EXCEEDED', 'manifest: more paths or extended attributes than there may be');
  return entries;
}

function parseXattr(line: string): Xattr | undefined {
  const match = /^x ([^ ]+) (-|(?:[0-9a-f]{2})+)$/.exec(line);
  if (match === null) return undefined;
  const [, name = '', value = ''] = match;
  const xattr = { name: unescapeField(name), value: value === '-' ? '' : value };
  return formatXattr(xattr) === line ? xattr : undefined;
}

function checkXattrs(entry: ManifestEntry, xattrs: readonly Xattr[], fail: (what: string) => never): void {
  if (xattrs.length === 0) return;
  if (entry.type !== 'f') fail('only files have extended attributes');
  if (xattrs.length > MAX_XATTRS || xattrsSize(xattrs) > MAX_XATTRS_SIZE)
    fail('more extended attributes than a file may have');
  xattrs.forEach(({ name, value }, at) => {
    if (!isCarried(name)) fail('an extended attribute that is not a package’s to set');
    if (name === CAPABILITY && !isCapability(value)) fail('file capabilities that are none');
    if (at > 0 && compareBytes(xattrs[at - 1]?.name ?? '', name) >= 0)
      fail('extended attributes are out of order or stand twice');
  });
}

function parseEntry(line: string): ManifestEntry | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, type, mode, ownerText, groupText, size, mtime, sha256, link, path] = match as unknown as string[];
  const owner = parseOwner(ownerText ?? '');
  const group = parseOwner(groupText ?? '');
  if (owner === undefined || group === undefined || type === undefined) return undefined;
  const entry: ManifestEntry = {
    type: type as EntryType,
    mode: Number.parseInt(mode ?? '', 8),
    owner,
    group,
    size: Number(size),
    mtime: Number(mtime),
    ...(sha256 === '-' ? {} : { sha256: sha256 as Sha256 }),
    ...(link === '-' ? {} : { link: unescapeField(link ?? '') }),
    path: unescapeField(path ?? '') as BytePath,
  };
  const isCanonical = PLAIN.test(line)
    ? formatOwner(owner) === ownerText && formatOwner(group) === groupText && String(entry.size) === size
    : formatEntry(entry) === line;
  return isCanonical ? entry : undefined;
}

function checkEntry(
  entry: ManifestEntry,
  types: ReadonlyMap<string, EntryType>,
  fail: (what: string) => never,
): void {
  const { type, path, link } = entry;
  if (!isSafePath(path)) fail('a path that is absolute, empty or has .. in it');
  const parts = path.split('/');
  if (path.length > MAX_PATH || parts.length > MAX_PATH_DEPTH || parts.some((part) => part.length > MAX_NAME))
    fail('a path that is too long');
  const parent = parentPath(path);
  if (parent !== '' && types.get(parent) !== 'd')
    fail('a path whose directory is not in the manifest before it');
  if ((type === 'f') !== (entry.sha256 !== undefined)) fail('files, and only files, have a SHA-256');
  if (type !== 'f' && entry.size !== 0) fail('only files have a size');
  if ('lhcb'.includes(type) !== (link !== undefined))
    fail('links and devices, and only they, have a link field');
  if (type === 'l' && (link === '' || link?.includes('\0') === true || (link?.length ?? 0) > MAX_PATH))
    fail('a symbolic link without a proper target');
  if (type === 'h' && types.get(link ?? '') !== 'f') fail('a hard link whose target is not a file before it');
  if ((type === 'c' || type === 'b') && !/^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/.test(link ?? ''))
    fail('a device without major:minor');
}

/** Bytes of all files: what the payload puts on disk. */
export function manifestSize(manifest: Manifest): number {
  let sum = 0;
  for (const entry of manifest) sum += entry.size;
  return sum;
}

/** What a file of a release lends to whoever uses it. */
export type LentRight = 'set-uid' | 'set-gid' | 'device' | 'capability';

/** The right that a path lends; set-gid on a directory only passes its group on. */
export function lentRight({ type, mode, xattrs }: ManifestEntry): LentRight | undefined {
  if (type === 'c' || type === 'b') return 'device';
  if (type !== 'f' && type !== 'h') return undefined;
  if ((mode & 0o4000) !== 0) return 'set-uid';
  if ((mode & 0o2000) !== 0) return 'set-gid';
  return capabilityOf(xattrs) === undefined ? undefined : 'capability';
}
