/**
 * What a release is made of, wherever it came from (.deb, directory): control, scripts, conffiles, manifest and the files'
 * contents. Every maker hands its paths to `layOut`, which is where the rules about paths live.
 */
import type { BlobDigests } from '../git/index.js';
import {
  compareBytes,
  formatManifest,
  GtpkgError,
  isSafePath,
  parentPath,
  parseManifest,
  pathToText,
  ROOT_OWNER,
  SCRIPT_NAMES,
  limits,
  type BytePath,
  type Control,
  type EntryType,
  type ErrorCode,
  type Manifest,
  type ManifestEntry,
  type Owner,
  type ScriptName,
  type Xattr,
} from '../model/index.js';

/** Everything that goes into a release. Must be closed. */
export interface PackageInput {
  readonly control: Control;
  /** one deb822 paragraph, as given */
  readonly controlBytes: Buffer;
  /** lines as in a .deb: absolute paths, one byte per character */
  readonly conffiles: readonly string[];
  readonly scripts: ReadonlyMap<ScriptName, Buffer>;
  /** sorted and checked */
  readonly entries: Manifest;
  /** what the source had beside that, for a warning: names of control members that a release does not keep */
  readonly ignored: readonly string[];
  /** digests of a file's contents (type `f`) */
  digests(entry: ManifestEntry): BlobDigests;
  /** a file's contents (type `f`) */
  content(entry: ManifestEntry): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** A path as a maker found it. */
export interface RawEntry {
  readonly type: EntryType;
  /** relative, safe */
  readonly path: BytePath;
  readonly mode: number;
  readonly owner: Owner;
  readonly group: Owner;
  readonly mtime: number;
  /** files: size and digests of the contents */
  readonly size: number;
  readonly digests?: BlobDigests;
  /** as in ManifestEntry; of hard links the path of an earlier file */
  readonly link?: string;
  /** as in ManifestEntry */
  readonly xattrs?: readonly Xattr[];
}

/** A user or group as an archive names it, in the manifest's spelling. */
export function ownerOf(name: string, id: number): Owner {
  if (id === 0 && (name === '' || name === 'root')) return ROOT_OWNER;
  return { name: /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/.test(name) ? name : '', id };
}

/**
 * Orders the paths of a release and checks them: nothing below what is not a directory, nothing twice, hard links only to files
 * of the release. Directories that are missing are added (0755, root, the newest time of what they hold); of the names of one
 * file the first in byte order becomes the file. The result depends on the set of entries only.
 * @param code - how to name a refusal
 */
export function layOut(
  raw: readonly RawEntry[],
  code: ErrorCode,
): { entries: Manifest; digests: Map<string, BlobDigests> } {
  const fail = (path: string, what: string): never => {
    throw new GtpkgError(code, `"${pathToText(path)}": ${what}`, { data: { path: pathToText(path) } });
  };
  if (raw.length > limits.MAX_MANIFEST_ENTRIES)
    throw new GtpkgError('LIMIT_EXCEEDED', `More than ${limits.MAX_MANIFEST_ENTRIES} paths`);
  const byPath = new Map<string, RawEntry>();
  for (const entry of raw) {
    if (!isSafePath(entry.path)) fail(entry.path, 'the path leaves the package');
    const twin = byPath.get(entry.path);
    if (twin !== undefined && !(entry.type === 'd' && sameDirectory(entry, twin)))
      fail(entry.path, 'the path stands twice');
    byPath.set(entry.path, entry);
  }
  addParents(byPath, fail);
  const digests = new Map<string, BlobDigests>();
  const entries = hardLinks(byPath, fail).map((entry): ManifestEntry => {
    if (entry.digests !== undefined) digests.set(entry.path, entry.digests);
    const { type, path, mode, owner, group, mtime, size, link, xattrs } = entry;
    return {
      type,
      path,
      mode,
      owner,
      group,
      mtime,
      size,
      ...(link === undefined ? {} : { link }),
      ...(entry.digests === undefined ? {} : { sha256: entry.digests.sha256 }),
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  });
  entries.sort((a, b) => compareBytes(a.path, b.path));
  try {
    // what clients will refuse is refused here
    return { entries: parseManifest(formatManifest(entries)), digests };
  } catch (cause) {
    if (cause instanceof GtpkgError && cause.code === 'MANIFEST_MALFORMED')
      throw new GtpkgError(code, cause.message, { cause });
    throw cause;
  }
}

function sameDirectory(a: RawEntry, b: RawEntry): boolean {
  return (
    b.type === 'd' &&
    a.mode === b.mode &&
    a.mtime === b.mtime &&
    a.owner.id === b.owner.id &&
    a.group.id === b.group.id
  );
}

function addParents(byPath: Map<string, RawEntry>, fail: (path: string, what: string) => never): void {
  const added = new Map<string, RawEntry>();
  for (const entry of [...byPath.values()]) {
    let depth = 0;
    for (let path = parentPath(entry.path); path !== ''; path = parentPath(path)) {
      if (++depth > limits.MAX_PATH_DEPTH) fail(entry.path, 'the path is too deep');
      const parent = byPath.get(path);
      if (parent !== undefined && parent.type !== 'd')
        fail(entry.path, `it lies below ${pathToText(path)}, which is not a directory`);
      if (parent !== undefined && !added.has(path)) continue;
      const mtime = Math.max(entry.mtime, parent?.mtime ?? entry.mtime);
      const made: RawEntry = {
        type: 'd',
        path,
        mode: 0o755,
        owner: ROOT_OWNER,
        group: ROOT_OWNER,
        mtime,
        size: 0,
      };
      added.set(path, made);
      byPath.set(path, made);
    }
  }
}

function hardLinks(
  byPath: ReadonlyMap<string, RawEntry>,
  fail: (path: string, what: string) => never,
): RawEntry[] {
  const names = new Map<RawEntry, BytePath[]>();
  for (const entry of byPath.values()) {
    if (entry.type !== 'h') continue;
    const target = byPath.get(entry.link ?? '');
    if (target?.type !== 'f')
      return fail(entry.path, 'a hard link to something that is not a file of the package');
    const found = names.get(target);
    if (found === undefined) names.set(target, [target.path, entry.path]);
    else found.push(entry.path);
  }
  const out: RawEntry[] = [];
  for (const entry of byPath.values()) {
    if (entry.type === 'h') continue;
    const [path = entry.path, ...others] = names.get(entry)?.sort(compareBytes) ?? [];
    out.push({ ...entry, path });
    for (const other of others) out.push({ ...linkTo(entry), path: other, link: path });
  }
  return out;
}

// Another name of the same inode: what holds for the file holds for it.
function linkTo({ mode, owner, group, mtime }: RawEntry): Omit<RawEntry, 'path'> {
  return { type: 'h', mode, owner, group, mtime, size: 0 };
}

/** Checks the conffiles of a package against its paths; gives the lines without empty ones. @throws GtpkgError `code` */
export function checkConffiles(text: string, entries: Manifest, code: ErrorCode): string[] {
  const types = new Map(entries.map((entry) => [entry.path as string, entry.type]));
  // deb-conffiles(5): the flag is separated by whitespace, and what trails is trimmed
  const lines = text
    .split('\n')
    .map((line) => line.replace(/[ \t\r]+$/, '').replace(/^remove-on-upgrade[ \t]+\//, 'remove-on-upgrade /'))
    .filter((line) => line !== '');
  const seen = new Set<string>();
  for (const line of lines) {
    const { path, gone } = parseConffile(line);
    const type = types.get(path);
    const wrong = gone ? type !== undefined : type !== 'f' && type !== 'h';
    if (!isSafePath(path) || seen.has(path) || wrong) {
      throw new GtpkgError(
        code,
        `conffiles: "${pathToText(line)}" is not the absolute path of a file in the package`,
        {
          hint: 'One absolute path a line, each a regular file of the package (after remove-on-upgrade: none of its paths), none twice.',
          data: { line: pathToText(line) },
        },
      );
    }
    seen.add(path);
  }
  return lines;
}

/** A line of conffiles: the path without its slash, and whether it says that the file is gone (`remove-on-upgrade`). */
export function parseConffile(line: string): { path: BytePath; gone: boolean } {
  const match = /^(remove-on-upgrade )?\/(.*)$/s.exec(line);
  return { path: (match?.[2] ?? '') as BytePath, gone: match?.[1] !== undefined };
}

/** Whether a control member is a script or other file that a release keeps. */
export function isScriptName(name: string): name is ScriptName {
  return (SCRIPT_NAMES as readonly string[]).includes(name);
}
