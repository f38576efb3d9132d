/**
 * The payload: one tar of a release's regular files, in manifest order, every byte of it determined by the manifest and
 * the contents. Whoever reads it makes the same headers and compares; nobody parses it. Plain tar can unpack it. Pure.
 *
 * ustar headers (POSIX.1-1988); a pax header (POSIX.1-2001) before them for what does not fit. docs/formats/release-core.md.
 */
import type { Manifest, ManifestEntry } from '../model/index.js';

const BLOCK = 512;

/** Two zero blocks. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Zeros after contents of this size. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Everything before a file's contents. */
export function tarHeader(entry: ManifestEntry): Buffer {
  const records: [string, string][] = [];
  const fits = (key: string, value: string | number, ok: boolean): boolean => {
    if (!ok) records.push([key, String(value)]);
    return ok;
  };
  const small = (key: string, value: number, digits: number): number =>
    fits(key, value, value >= 0 && value < 8 ** digits) ? value : 0;
  const split = splitPath(entry.path);
  fits('path', entry.path, split !== undefined);
  const fields = {
    prefix: split?.prefix ?? '',
    name: split?.name ?? entry.path.slice(0, 100),
    mode: entry.mode,
    size: small('size', entry.size, 11),
    uid: small('uid', entry.owner.id, 7),
    gid: small('gid', entry.group.id, 7),
    mtime: small('mtime', entry.mtime, 11),
    uname: fits('uname', entry.owner.name, entry.owner.name.length < 32) ? entry.owner.name : '',
    gname: fits('gname', entry.group.name, entry.group.name.length < 32) ? entry.group.name : '',
    type: '0',
  };
  const header = ustar(fields);
  if (records.length === 0) return header;
  const pax = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''), 'latin1');
  const lead = ustar({
    prefix: '',
    name: '././@PaxHeader',
    mode: 0o644,
    size: pax.length,
    uid: 0,
    gid: 0,
    mtime: 0,
    uname: '',
    gname: '',
    type: 'x',
  });
  return Buffer.concat([lead, pax, tarPadding(pax.length), header]);
}

/** Bytes of the whole tar; 0 when there are no regular files. */
export function tarLength(manifest: Manifest): number {
  let sum = 0;
  for (const entry of manifest) {
    if (entry.type === 'f')
      sum += tarHeader(entry).length + entry.size + ((BLOCK - (entry.size % BLOCK)) % BLOCK);
  }
  return sum === 0 ? 0 : sum + TAR_END.length;
}

interface Fields {
  readonly prefix: string;
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly uname: string;
  readonly gname: string;
  readonly type: string;
}

// At the first slash that leaves at most 100 bytes for the name.
function splitPath(path: string): { prefix: string; name: string } | undefined {
  if (path.length <= 100) return { prefix: '', name: path };
  const cut = path.indexOf('/', path.length - 101);
  return cut > 0 && cut <= 155 && cut < path.length - 1
    ? { prefix: path.slice(0, cut), name: path.slice(cut + 1) }
    : undefined;
}

function ustar(fields: Fields): Buffer {
  const out = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void =>
    void out.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  out.write(fields.name, 0, 100, 'latin1');
  octal(fields.mode, 100, 7);
  octal(fields.uid, 108, 7);
  octal(fields.gid, 116, 7);
  octal(fields.size, 124, 11);
  octal(fields.mtime, 136, 11);
  out.write('        ', 148, 'latin1');
  out.write(fields.type, 156, 'latin1');
  out.write('ustar\x0000', 257, 'latin1');
  out.write(fields.uname, 265, 'latin1');
  out.write(fields.gname, 297, 'latin1');
  octal(0, 329, 7);
  octal(0, 337, 7);
  out.write(fields.prefix, 345, 155, 'latin1');
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

// "<length> <key>=<value>\n", the length counting itself
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
