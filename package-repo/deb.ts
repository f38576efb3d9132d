/**
 * Reads a .deb (deb(5), format 2.0) from a stranger: every path and size is checked before anything is kept, contents go to one
 * temporary file while they are hashed. Nothing is unpacked.
 */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { withIo } from '../git/index.js';
import {
  GtpkgError,
  isSafePath,
  limits,
  parseControl,
  pathToText,
  systemCode,
  type BytePath,
  type EntryType,
  type ScriptName,
} from '../model/index.js';
import { readAr, type ArMember } from './ar.js';
import { decompressMember } from './decompress.js';
import { checkConffiles, isScriptName, layOut, ownerOf, type PackageInput, type RawEntry } from './input.js';
import { ByteReader } from './reader.js';
import { Spool, type Spooled } from './spool.js';
import { readTar, type TarEntry } from './tar.js';

/** Members of control.tar that say nothing a release does not say better: the manifest has all digests. */
const REPLACED: ReadonlySet<string> = new Set(['md5sums', 'sha256sums']);

interface Members {
  readonly control: ArMember;
  readonly data: ArMember;
}

/**
 * @param path - the .deb file
 * @returns an input that must be closed
 * @throws GtpkgError FILE_NOT_FOUND; DEB_MALFORMED (damaged, cut short, not a .deb); DEB_UNSAFE (names that leave the package,
 *   links and writes through them, sparse files, …); CONTROL_MALFORMED, BAD_VERSION, …; LIMIT_EXCEEDED; NO_SPACE
 */
export async function readDeb(path: string): Promise<PackageInput> {
  const where = basename(path);
  const { control, data } = await members(path, where);
  const info = await readControl(path, control, where);
  const controlBytes = info.get('control');
  if (controlBytes === undefined) throw malformed(where, 'there is no control file in it');
  const parsed = parseControl(controlBytes, `${where}: control`);
  const spool = await Spool.open();
  try {
    const { raw, parts } = await readData({ path, member: data, spool });
    const { entries, digests } = layOut(raw, 'DEB_UNSAFE');
    const conffiles = checkConffiles(
      info.get('conffiles')?.toString('latin1') ?? '',
      entries,
      'DEB_MALFORMED',
    );
    const scripts = new Map<ScriptName, Buffer>();
    const ignored: string[] = [];
    for (const [name, bytes] of info) {
      if (isScriptName(name)) scripts.set(name, bytes);
      else if (name !== 'control' && name !== 'conffiles' && !REPLACED.has(name))
        ignored.push(pathToText(name));
    }
    const part = new Map<string, Spooled>();
    for (const [key, found] of digests) part.set(key, parts.get(found.sha256) as Spooled);
    const get = (key: string): Spooled => part.get(key) ?? unknown(key);
    return {
      control: parsed,
      controlBytes,
      conffiles,
      scripts,
      entries,
      ignored,
      digests: (entry) => get(entry.path).digests,
      content: (entry) => spool.read(get(entry.path)),
      close: () => spool.close(),
    };
  } catch (error) {
    await spool.close();
    throw error;
  }
}

// dpkg-deb(1): debian-binary, control.tar, data.tar in this order; members whose names start with `_` may stand between.
async function members(path: string, where: string): Promise<Members> {
  return withIo(`Cannot read ${path}`, async () => {
    const file = await open(path, 'r');
    try {
      const all = await readAr(file, where);
      const [first, control, data, ...more] = all.filter(({ name }, i) => i === 0 || !name.startsWith('_'));
      if (first?.name !== 'debian-binary' || first.size > 64)
        throw malformed(where, 'it does not start with debian-binary');
      const { buffer } = await file.read(Buffer.alloc(first.size), 0, first.size, first.offset);
      if (!/^2\.\d+\n/.test(buffer.toString('latin1'))) throw malformed(where, 'its format is not 2.0');
      if (control === undefined || !/^control\.tar(\.|$)/.test(control.name))
        throw malformed(where, 'control.tar does not come second');
      if (data === undefined || !/^data\.tar(\.|$)/.test(data.name))
        throw malformed(where, 'data.tar does not come third');
      if (more.length > 0) throw malformed(where, `the member ${more[0]?.name ?? ''} follows data.tar`);
      return { control, data };
    } finally {
      await file.close();
    }
  });
}

// The files of control.tar, all small.
async function readControl(path: string, member: ArMember, where: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = new ByteReader(
    decompressMember(member.name, { path, offset: member.offset, size: member.size }, limits.MAX_DEB_CONTROL),
  );
  try {
    for await (const entry of readTar(reader)) {
      const name = entryPath(entry);
      if (name === '') continue;
      if (entry.type !== 'file' || name.includes('/'))
        throw unsafe(name, 'control.tar holds plain files only');
      if (entry.xattrs.length > 0) throw unsafe(name, 'control.tar has extended attributes');
      if (files.has(name)) throw unsafe(name, 'the path stands twice');
      if (entry.size > limits.MAX_SCRIPT)
        throw new GtpkgError(
          'LIMIT_EXCEEDED',
          `${where}: ${pathToText(name)} is larger than ${limits.MAX_SCRIPT} bytes`,
        );
      const chunks: Buffer[] = [];
      for await (const chunk of entry.content) chunks.push(chunk);
      files.set(name, Buffer.concat(chunks));
    }
  } finally {
    await reader.close();
  }
  return files;
}

interface DataSource {
  readonly path: string;
  readonly member: ArMember;
  readonly spool: Spool;
}

async function readData({
  path,
  member,
  spool,
}: DataSource): Promise<{ raw: RawEntry[]; parts: Map<string, Spooled> }> {
  const raw: RawEntry[] = [];
  const parts = new Map<string, Spooled>();
  const types = new Map<string, RawEntry>();
  const reader = new ByteReader(
    decompressMember(member.name, { path, offset: member.offset, size: member.size }, limits.MAX_DEB_DATA),
  );
  try {
    for await (const entry of readTar(reader)) {
      const name = entryPath(entry);
      if (name === '') {
        if (entry.type !== 'directory') throw unsafe('.', 'the root of the package is not a directory');
        continue;
      }
      if (raw.length >= limits.MAX_MANIFEST_ENTRIES)
        throw new GtpkgError('LIMIT_EXCEEDED', `More than ${limits.MAX_MANIFEST_ENTRIES} paths`);
      const spooled = entry.type === 'file' ? await spool.add(entry.content, entry.size) : undefined;
      if (spooled !== undefined) parts.set(spooled.digests.sha256, spooled);
      const made = rawEntry(entry, name, types);
      if (entry.xattrs.length > 0 && made.xattrs === undefined)
        throw unsafe(name, 'only files have extended attributes in a release');
      types.set(name, made);
      raw.push(spooled === undefined ? made : { ...made, size: spooled.size, digests: spooled.digests });
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('FILE_NOT_FOUND', `${path} went away while it was read`, { cause: error });
    throw error;
  } finally {
    await reader.close();
  }
  return { raw, parts };
}

const TYPE: Readonly<Record<TarEntry['type'], EntryType>> = {
  file: 'f',
  link: 'h',
  symlink: 'l',
  directory: 'd',
  character: 'c',
  block: 'b',
  fifo: 'p',
};

function rawEntry(entry: TarEntry, path: BytePath, before: ReadonlyMap<string, RawEntry>): RawEntry {
  const base = {
    type: TYPE[entry.type],
    path,
    mode: entry.mode,
    owner: ownerOf(entry.uname, entry.uid),
    group: ownerOf(entry.gname, entry.gid),
    mtime: entry.mtime,
    size: 0,
  };
  switch (entry.type) {
    case 'symlink':
      return { ...base, mode: 0o777, link: entry.linkname };
    case 'character':
    case 'block':
      return { ...base, link: `${entry.major}:${entry.minor}` };
    case 'link': {
      // through other links to the file itself, which must have come already
      const target = stripName(entry.linkname, path);
      const found = before.get(target);
      const file = found?.type === 'h' ? found.link : target;
      if (found === undefined || before.get(file ?? '')?.type !== 'f')
        throw unsafe(path, `a hard link to "${pathToText(target)}", which is not a file before it`);
      // a writer may say them again for each name, and they may not be others
      const xattrs = before.get(file ?? '')?.xattrs;
      if (entry.xattrs.length > 0 && JSON.stringify(entry.xattrs) !== JSON.stringify(xattrs))
        throw unsafe(path, 'a hard link with other extended attributes than its file');
      return { ...base, link: file ?? '', ...(xattrs === undefined ? {} : { xattrs }) };
    }
    case 'file':
      return entry.xattrs.length === 0 ? base : { ...base, xattrs: entry.xattrs };
    default:
      return base;
  }
}

// The path of a member, '' for the root directory itself.
function entryPath(entry: TarEntry): BytePath {
  return stripName(entry.type === 'directory' ? entry.name.replace(/\/$/, '') : entry.name, entry.name);
}

function stripName(name: string, shown: string): BytePath {
  if (name === '.' || name === './' || name === '') {
    if (name !== '') return '' as BytePath;
    throw unsafe(shown, 'an empty or absolute name');
  }
  const path = name.startsWith('./') ? name.slice(2) : name;
  if (path.startsWith('/')) throw unsafe(shown, 'an absolute name');
  if (!isSafePath(path)) throw unsafe(shown, 'the path leaves the package, or is not written plainly');
  return path as BytePath;
}

function unknown(path: string): never {
  throw new GtpkgError('INTERNAL', `"${pathToText(path)}" is not a file of this package`);
}

function unsafe(path: string, what: string): GtpkgError {
  return new GtpkgError('DEB_UNSAFE', `The .deb is refused: "${pathToText(path)}": ${what}`, {
    hint: 'Do not install this file. Honest tools do not make such archives.',
    data: { path: pathToText(path) },
  });
}

function malformed(where: string, what: string): GtpkgError {
  return new GtpkgError('DEB_MALFORMED', `${where} is not a proper .deb file: ${what}`, {
    hint: 'Fetch the file again.',
  });
}
