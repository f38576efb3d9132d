/**
 * Reads a package laid out in a directory: `control`, `data/` (the payload, rooted at /), and where wanted `conffiles` and
 * `scripts/`. Files belong to root in the release, whoever owns them here; modes come from the file system; times are clamped to
 * SOURCE_DATE_EPOCH when that is set, so that a build can be repeated. Of extended attributes those are taken that a package may set.
 */
import { createReadStream, type BigIntStats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobHasher, withIo, type BlobDigests } from '../git/index.js';
import {
  GtpkgError,
  isCarried,
  joinPath,
  limits,
  parseControl,
  pathToBytes,
  pathToText,
  ROOT_OWNER,
  SCRIPT_NAMES,
  systemCode,
  type BytePath,
  type ManifestEntry,
  type ScriptName,
  type Xattr,
} from '../model/index.js';
import * as xattr from '../system/xattr.js';
import { checkConffiles, isScriptName, layOut, ownerOf, type PackageInput, type RawEntry } from './input.js';

export interface DirectoryOptions {
  /** seconds since 1970: no time in the release is later; default: the environment's SOURCE_DATE_EPOCH */
  readonly sourceDateEpoch?: number;
  /** record the numeric owners found on disk instead of root */
  readonly keepOwners?: boolean;
}

/**
 * @param dir - the package's directory
 * @returns an input that reads files when they are asked for; must be closed
 * @throws GtpkgError SOURCE_DIR_MALFORMED with a hint; CONTROL_MALFORMED, BAD_VERSION, …; PERMISSION, IO_ERROR
 */
export async function readDirectory(dir: string, options: DirectoryOptions = {}): Promise<PackageInput> {
  return withIo(`Cannot read ${dir}`, async () => {
    await checkTop(dir);
    const written = await readSmall(join(dir, 'control'), limits.MAX_CONTROL);
    const where = join(dir, 'control');
    const stated = parseControl(written, where);
    const raw: RawEntry[] = [];
    const root = Buffer.from(join(dir, 'data'));
    await walk({
      root,
      directory: '',
      raw,
      inodes: new Map(),
      options: { ...options, sourceDateEpoch: epoch(options) },
    });
    const { entries, digests } = layOut(raw, 'SOURCE_DIR_MALFORMED');
    const controlBytes = stated.fields.has('Installed-Size') ? written : withInstalledSize(written, entries);
    const control = controlBytes === written ? stated : parseControl(controlBytes, where);
    const conffiles = await readSmall(join(dir, 'conffiles'), limits.MAX_CONTROL).catch(absent);
    return {
      control,
      controlBytes,
      conffiles: checkConffiles(conffiles?.toString('latin1') ?? '', entries, 'SOURCE_DIR_MALFORMED'),
      scripts: await readScripts(join(dir, 'scripts')),
      entries,
      ignored: [],
      digests: (entry) => digests.get(entry.path) ?? unknown(entry.path),
      content: (entry) => createReadStream(onDisk(root, entry.path), { highWaterMark: 256 * 1024 }),
      close: () => Promise.resolve(),
    };
  });
}

// Policy §5.6.20, as dpkg-gencontrol counts: KiB, files rounded up, anything else one.
function withInstalledSize(control: Buffer, entries: readonly ManifestEntry[]): Buffer {
  const size = entries.reduce(
    (sum, { type, size: bytes }) => sum + (type === 'f' ? Math.ceil(bytes / 1024) : 1),
    0,
  );
  return Buffer.from(`${control.toString('utf8').trimEnd()}\nInstalled-Size: ${size}\n`, 'utf8');
}

const TOP = new Set(['control', 'data', 'conffiles', 'scripts']);

async function checkTop(dir: string): Promise<void> {
  const names = await readdir(dir).catch((cause: unknown) => {
    if (systemCode(cause) !== 'ENOENT' && systemCode(cause) !== 'ENOTDIR') throw cause;
    throw new GtpkgError('FILE_NOT_FOUND', `There is no directory ${dir}`, { cause });
  });
  const odd = names.find((name) => !TOP.has(name) && !name.startsWith('.'));
  if (odd !== undefined || !names.includes('control')) {
    const what = odd === undefined ? 'the file control is missing' : `"${odd}" is no part of a package`;
    throw new GtpkgError('SOURCE_DIR_MALFORMED', `${dir}: ${what}`, {
      hint: 'A package directory has control and data/, and may have conffiles and scripts/.',
      data: { dir },
    });
  }
}

function absent(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}

async function readSmall(path: string, bound: number): Promise<Buffer> {
  const stat = await lstat(path);
  if (!stat.isFile()) throw new GtpkgError('SOURCE_DIR_MALFORMED', `${path} is not a plain file`);
  if (stat.size > bound) throw new GtpkgError('LIMIT_EXCEEDED', `${path} is larger than ${bound} bytes`);
  return readFile(path);
}

async function readScripts(dir: string): Promise<Map<ScriptName, Buffer>> {
  const scripts = new Map<ScriptName, Buffer>();
  for (const name of ((await readdir(dir).catch(absent)) ?? []).sort()) {
    if (!isScriptName(name)) {
      throw new GtpkgError('SOURCE_DIR_MALFORMED', `${join(dir, name)} is not a maintainer script`, {
        hint: `Names that may stand here: ${SCRIPT_NAMES.join(' ')}.`,
      });
    }
    scripts.set(name, await readSmall(join(dir, name), limits.MAX_SCRIPT));
  }
  return scripts;
}

function epoch(options: DirectoryOptions): number {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (options.sourceDateEpoch !== undefined || text === undefined || text === '')
    return options.sourceDateEpoch ?? Infinity;
  if (!/^\d{1,11}$/.test(text))
    throw new GtpkgError('USAGE', `SOURCE_DATE_EPOCH is "${text.slice(0, 40)}", not a number of seconds`);
  return Number(text);
}

interface Walk {
  /** the data directory */
  readonly root: Buffer;
  /** below it */
  readonly directory: string;
  readonly raw: RawEntry[];
  /** first path of each file that has several names */
  readonly inodes: Map<string, BytePath>;
  readonly options: { readonly sourceDateEpoch: number; readonly keepOwners?: boolean };
}

const onDisk = (root: Buffer, path: string): Buffer =>
  path === '' ? root : Buffer.concat([root, Buffer.from('/'), pathToBytes(path)]);

async function walk(at: Walk): Promise<void> {
  const names = await readdir(onDisk(at.root, at.directory), { encoding: 'buffer' }).catch(
    (error: unknown) => {
      if (at.directory === '' && systemCode(error) === 'ENOENT') return []; // a package may have no files
      throw error;
    },
  );
  for (const name of names.map((bytes) => bytes.toString('latin1')).sort()) {
    const path = joinPath(at.directory, name);
    if (path.split('/').length > limits.MAX_PATH_DEPTH) throw bad(path, 'the path is too deep');
    const entry = await inspect(at, path);
    at.raw.push(entry);
    if (entry.type === 'd') await walk({ ...at, directory: path });
  }
}

async function inspect({ root, inodes, options }: Walk, path: BytePath): Promise<RawEntry> {
  const file = onDisk(root, path);
  const stat = await lstat(file, { bigint: true });
  const base = {
    path,
    mode: Number(stat.mode & 0o7777n),
    owner: options.keepOwners === true ? ownerOf('', Number(stat.uid)) : ROOT_OWNER,
    group: options.keepOwners === true ? ownerOf('', Number(stat.gid)) : ROOT_OWNER,
    mtime: Math.min(Number(stat.mtimeNs / 1_000_000_000n), options.sourceDateEpoch),
    size: 0,
  };
  if (stat.isDirectory()) return { ...base, type: 'd' };
  if (stat.isSymbolicLink())
    return {
      ...base,
      type: 'l',
      mode: 0o777,
      link: (await readlink(file, { encoding: 'buffer' })).toString('latin1'),
    };
  if (stat.isFIFO()) return { ...base, type: 'p' };
  if (stat.isCharacterDevice() || stat.isBlockDevice())
    return { ...base, type: stat.isBlockDevice() ? 'b' : 'c', link: device(stat) };
  if (!stat.isFile()) throw bad(path, 'a socket cannot be packaged');
  const inode = `${stat.dev}:${stat.ino}`;
  const first = stat.nlink > 1n ? inodes.get(inode) : undefined;
  if (first !== undefined) return { ...base, type: 'h', link: first };
  inodes.set(inode, path);
  const digests = await hashFile(file, Number(stat.size), path);
  const xattrs = readXattrs(file);
  const more = xattrs.length === 0 ? {} : { xattrs };
  return { ...base, type: 'f', size: Number(stat.size), digests, ...more };
}

// Where a file was downloaded from (user.xdg.*) is its maker's, and nobody else's.
const isWanted = (name: string): boolean => isCarried(name) && !name.startsWith('user.xdg.');

function readXattrs(file: Buffer): readonly Xattr[] {
  if (process.platform === 'linux' && !xattr.canCall())
    throw new GtpkgError(
      'TOOL_MISSING',
      'extended attributes cannot be read: the npm package koffi is not here',
      {
        hint: 'Install gtpkg again, with its optional dependencies.',
      },
    );
  try {
    return xattr
      .list(file)
      .filter(isWanted)
      .map((name) => ({ name, value: xattr.get(file, name)?.toString('hex') ?? '' }));
  } catch (error) {
    // a file system without any
    if (systemCode(error) === 'ENOTSUP') return [];
    throw error;
  }
}

async function hashFile(file: Buffer, size: number, path: string): Promise<BlobDigests> {
  const hasher = new BlobHasher(size);
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 }))
    hasher.update(chunk as Buffer);
  try {
    return hasher.digest();
  } catch (cause) {
    throw new GtpkgError('SOURCE_DIR_MALFORMED', `"${pathToText(path)}" changes while it is read`, {
      hint: 'Build from files at rest.',
      cause,
    });
  }
}

// Linux's dev_t, as glibc's major() and minor() take it apart.
function device({ rdev }: BigIntStats): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n);
  return `${major}:${minor}`;
}

function unknown(path: string): never {
  throw new GtpkgError('INTERNAL', `"${pathToText(path)}" is not a file of this package`);
}

function bad(path: string, what: string): GtpkgError {
  return new GtpkgError('SOURCE_DIR_MALFORMED', `data/${pathToText(path)}: ${what}`, {
    data: { path: pathToText(path) },
  });
}
