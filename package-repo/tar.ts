/**
 * Tar (POSIX.1-1988 ustar, pax, GNU): a strict streaming reader for archives from strangers. Names are byte strings.
 *
 * tar-stream is not used for reading: it decodes pax names as UTF-8, which loses bytes, takes sparse files for plain ones, and
 * reads on after the end mark.
 * Accepted: files, links, directories, devices, fifos; GNU long names; pax records that are listed below. Everything else is an
 * error. Whether names are safe is the caller's question.
 */
import { GtpkgError, isCarried, type ErrorCode, type Xattr } from '../model/index.js';
import type { ByteReader } from './reader.js';

/** One member. */
export interface TarEntry {
  readonly type: 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';
  /** as written: maybe with `./` before it, `/` after it */
  readonly name: string;
  /** permission bits, 0..0o7777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** may be '' */
  readonly uname: string;
  readonly gname: string;
  readonly size: number;
  /** seconds since 1970, whole */
  readonly mtime: number;
  /** of links; '' otherwise */
  readonly linkname: string;
  /** of devices; 0 otherwise */
  readonly major: number;
  readonly minor: number;
  /** extended attributes that a release may keep, sorted; of any member: the caller knows where they have a place */
  readonly xattrs: readonly Xattr[];
  /** a file's bytes; what is not read before the next entry is skipped */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK = 512;
/** Long names and pax headers; PATH_MAX is 4 KiB. */
const MAX_EXTENSION = 64 * 1024;

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

interface Extensions {
  name?: string;
  linkname?: string;
  size?: number;
  uid?: number;
  gid?: number;
  uname?: string;
  gname?: string;
  mtime?: number;
  xattrs?: Map<string, string>;
}

function bad(what: string, code: ErrorCode = 'DEB_MALFORMED'): GtpkgError {
  return new GtpkgError(code, `The archive is malformed: ${what}`);
}

/**
 * The members of a tar stream, in order. Reads to the end of the stream: after the end mark only zeros may follow.
 * @throws GtpkgError DEB_MALFORMED, or DEB_UNSAFE for sparse files and global pax headers
 */
export async function* readTar(reader: ByteReader): AsyncGenerator<TarEntry> {
  let extensions: Extensions = {};
  for (;;) {
    const header = await reader.upTo(BLOCK);
    if (header.length < BLOCK) throw bad('it is cut short');
    if (isZero(header)) break;
    checkHeader(header);
    const flag = String.fromCharCode(header[156] ?? 0);
    const size = extensions.size ?? number(header, 124, 12, 'size');
    if (flag === 'L' || flag === 'K' || flag === 'x') {
      const text = await extension(reader, number(header, 124, 12, 'size'));
      if (flag === 'x') readPax(text, extensions);
      else extensions[flag === 'L' ? 'name' : 'linkname'] = cString(text);
      continue;
    }
    const type = TYPES[flag];
    if (type === undefined) throw unknownType(flag);
    yield* member(reader, { header, type, size, extensions });
    extensions = {};
  }
  if (Object.keys(extensions).length > 0) throw bad('a long name with no member after it');
  // POSIX: two zero blocks; writers pad to a larger record
  const second = await reader.upTo(BLOCK);
  if (second.length < BLOCK || !isZero(second)) throw bad('its end mark is cut short');
  for (let rest = await reader.upTo(BLOCK * 128); rest.length > 0; rest = await reader.upTo(BLOCK * 128)) {
    if (!isZero(rest)) throw bad('bytes follow its end');
  }
}

interface Head {
  readonly header: Buffer;
  readonly type: TarEntry['type'];
  readonly size: number;
  readonly extensions: Extensions;
}

async function* member(
  reader: ByteReader,
  { header, type, size, extensions: x }: Head,
): AsyncGenerator<TarEntry> {
  const ustar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = ustar ? cString(header.subarray(345, 500)) : '';
  const short = cString(header.subarray(0, 100));
  const name = x.name ?? (prefix === '' ? short : `${prefix}/${short}`);
  // before POSIX a directory was a file whose name ended in '/'
  const real = type === 'file' && name.endsWith('/') ? 'directory' : type;
  if (real !== 'file' && size !== 0) throw bad(`the ${real} "${name.slice(0, 200)}" has contents`);
  const device = real === 'character' || real === 'block';
  const end = reader.position + size;
  yield {
    type: real,
    name,
    mode: number(header, 100, 8, 'mode') & 0o7777,
    uid: x.uid ?? number(header, 108, 8, 'uid'),
    gid: x.gid ?? number(header, 116, 8, 'gid'),
    uname: x.uname ?? cString(header.subarray(265, 297)),
    gname: x.gname ?? cString(header.subarray(297, 329)),
    size,
    mtime: x.mtime ?? number(header, 136, 12, 'mtime', true),
    linkname: real === 'link' || real === 'symlink' ? (x.linkname ?? cString(header.subarray(157, 257))) : '',
    major: device ? number(header, 329, 8, 'device') : 0,
    minor: device ? number(header, 337, 8, 'device') : 0,
    xattrs: [...(x.xattrs ?? [])]
      .map(([key, value]) => ({ name: key, value: Buffer.from(value, 'latin1').toString('hex') }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    content: contents(reader, end),
  };
  const padded = end + ((BLOCK - (size % BLOCK)) % BLOCK);
  while (reader.position < padded) {
    if ((await reader.upTo(Math.min(padded - reader.position, 1 << 16))).length === 0)
      throw bad('it is cut short');
  }
}

async function* contents(reader: ByteReader, end: number): AsyncGenerator<Buffer> {
  yield* reader.stream(end - reader.position);
  if (reader.position < end) throw bad('it is cut short');
}

async function extension(reader: ByteReader, size: number): Promise<Buffer> {
  if (size > MAX_EXTENSION) throw bad('a name of absurd length');
  const bytes = await reader.upTo(Math.ceil(size / BLOCK) * BLOCK);
  if (bytes.length < size) throw bad('it is cut short');
  return bytes.subarray(0, size);
}

function checkHeader(header: Buffer): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0;
  if (sum !== number(header, 148, 8, 'checksum')) throw bad('the checksum of a header is wrong');
  const magic = header.toString('latin1', 257, 265);
  if (!['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0'].includes(magic))
    throw bad('a header of an unknown kind');
}

function unknownType(flag: string): GtpkgError {
  if (flag === 'S') return bad('sparse files are not accepted', 'DEB_UNSAFE');
  if (flag === 'g') return bad('a global pax header, which would change every member', 'DEB_UNSAFE');
  return bad(`a member of type ${JSON.stringify(flag)}`);
}

// Octal, or GNU's base 256 for what does not fit.
function number(header: Buffer, at: number, width: number, field: string, signed = false): number {
  const bytes = header.subarray(at, at + width);
  const first = bytes[0] ?? 0;
  let value: number;
  if (first & 0x80) {
    const negative = first === 0xff;
    let big = 0n;
    for (const byte of bytes.subarray(1)) big = (big << 8n) | BigInt(byte);
    if (negative) big -= 1n << BigInt(8 * (width - 1));
    value = (negative && !signed) || (!negative && first !== 0x80) ? Number.NaN : Number(big);
  } else {
    const match = /^ *([0-7]*)[ \0]*$/.exec(bytes.toString('latin1'));
    value = match === null ? Number.NaN : Number.parseInt(match[1] === '' ? '0' : (match[1] ?? ''), 8);
  }
  if (!Number.isSafeInteger(value)) throw bad(`a ${field} that is no number`);
  return value;
}

// pax extended header records (POSIX.1-2001): "<length> <key>=<value>\n", lengths and values in bytes.
function readPax(bytes: Buffer, into: Extensions): void {
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at);
    const digits = space < 0 ? '' : bytes.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,6}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 10 || end <= space)
      throw bad('a pax record');
    const record = bytes.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw bad('a pax record');
    setPax(into, record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
}

// Kept out of the release on purpose; nothing that dpkg would put on disk either. Labels and measurements of security modules are those of the machine
// where the archive was made; each machine has its own.
const IGNORED =
  /^(atime|ctime|comment|hdrcharset|charset|LIBARCHIVE\.creationtime|SCHILY\.(dev|ino|nlink)|(SCHILY\.xattr|RHT)\.security\.(selinux|ima|evm|apparmor|SMACK64[A-Z]*))$/;
const XATTR = 'SCHILY.xattr.';

function setPax(into: Extensions, key: string, value: string): void {
  switch (key) {
    case 'path':
      into.name = nonEmpty(key, value);
      return;
    case 'linkpath':
      into.linkname = nonEmpty(key, value);
      return;
    case 'uname':
    case 'gname':
      into[key] = value;
      return;
    case 'size':
    case 'uid':
    case 'gid':
      if (!/^\d{1,15}$/.test(value)) throw bad(`the pax record ${key}`);
      into[key] = Number(value);
      return;
    case 'mtime':
      if (!/^-?\d{1,12}(\.\d*)?$/.test(value)) throw bad('the pax record mtime');
      into.mtime = Math.floor(Number(value));
      return;
  }
  // GNU tar writes % and = in names as %25 and %3D
  const name = key.startsWith(XATTR)
    ? key.slice(XATTR.length).replace(/%(25|3D)/g, (_, hex) => (hex === '25' ? '%' : '='))
    : '';
  if (isCarried(name)) {
    into.xattrs ??= new Map();
    if (into.xattrs.has(name)) throw bad(`the pax record ${key.slice(0, 80)} stands twice`);
    into.xattrs.set(name, value);
    return;
  }
  if (key.startsWith('GNU.sparse')) throw bad('sparse files are not accepted', 'DEB_UNSAFE');
  if (!IGNORED.test(key))
    throw bad(`the pax record ${key.slice(0, 80)} says something that a release cannot keep`);
}

function nonEmpty(key: string, value: string): string {
  if (value === '' || value.includes('\0')) throw bad(`the pax record ${key}`);
  return value;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

function isZero(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}
