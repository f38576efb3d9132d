/**
 * Every change to a root goes through here: paths are physical paths below the root, each changing call is
 * announced to `step` first, so that a test can stop the process or fail the call at any of them.
 *
 * Calls throw the system's own errors; diskError() turns them into words at the edge of the room.
 * The calls are synchronous where they only touch directories (10–20 µs each, one thread, one order).
 */
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { pathToBytes } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import { putXattrs, readXattrs, type XattrState } from '../system/xattr.js';
import { WriteBack } from './write-back.js';
import { ABSENT, DIRECTORY, OTHER, rootBytes, type Seen } from './walk.js';

/** Called before each change with its name and path; throws to make it fail. */
export type StepHook = (action: string, path: string) => void;

/** Owner and permissions of something on disk. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** seconds since 1970 */
  readonly mtime?: number;
  /** extended attributes that are to be set, or that are not to be there; others stay as they are */
  readonly xattrs?: readonly XattrState[] | undefined;
}

/** How a disk behaves. */
export interface DiskOptions {
  readonly step?: StepHook;
  /** false: survives a killed process, not a power cut (for throw-away roots) */
  readonly durable?: boolean;
}

// Up to this many, one fsync each is quicker than starting `sync -f` (ADR 0005).
const FEW = 6;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_NONBLOCK, O_APPEND } = fs.constants;

/** The file system below one root. */
export class Disk {
  /** absolute path of the root, as text */
  readonly root: string;
  readonly durable: boolean;
  /** we may give files away: owners are set and checked */
  readonly asRoot: boolean = process.getuid?.() === 0;
  /** the user and group of this process */
  readonly self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  readonly #prefix: string;
  readonly #step: StepHook;
  readonly #writeBack = new WriteBack();

  /** @param root - absolute */
  constructor(root: string, options: DiskOptions = {}) {
    this.root = root;
    this.durable = options.durable ?? true;
    this.#prefix = rootBytes(root);
    this.#step = options.step ?? ((): void => undefined);
  }

  /** The path for the system. */
  at(path: string): Buffer {
    return pathToBytes(path === '' ? this.#prefix || '/' : `${this.#prefix}/${path}`);
  }

  /** Undefined when nothing is there. */
  lstat(path: string): fs.Stats | undefined {
    try {
      return fs.lstatSync(this.at(path), { throwIfNoEntry: false });
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  exists(path: string): boolean {
    return this.lstat(path) !== undefined;
  }

  look(path: string): Seen {
    const stats = this.lstat(path);
    if (stats === undefined) return ABSENT;
    if (stats.isDirectory()) return DIRECTORY;
    return stats.isSymbolicLink() ? { kind: 'link', target: this.readlink(path) } : OTHER;
  }

  /** A link's target, as bytes. */
  readlink(path: string): string {
    return fs.readlinkSync(this.at(path), { encoding: 'latin1' });
  }

  /** Names in a directory, as bytes, sorted. */
  list(path: string): string[] {
    return fs.readdirSync(this.at(path), { encoding: 'latin1' }).sort();
  }

  /** Names in a directory, as bytes, sorted, with what each is. */
  entries(path: string): { name: string; kind: 'file' | 'directory' | 'link' | 'other' }[] {
    const found = fs.readdirSync(this.at(path), { encoding: 'latin1', withFileTypes: true }).map((entry) => ({
      name: entry.name,
      kind: kindOf(entry),
    }));
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  read(path: string): Buffer {
    return fs.readFileSync(this.at(path));
  }

  /** Bytes free for us on the file system that holds `path`. */
  free(path: string): number {
    const { bavail, bsize } = fs.statfsSync(this.at(path));
    return bavail * bsize;
  }

  mkdir(path: string, mode = 0o700): void {
    this.#step('mkdir', path);
    fs.mkdirSync(this.at(path), { mode });
  }

  rename(from: string, to: string): void {
    this.#step('rename', to);
    fs.renameSync(this.at(from), this.at(to));
  }

  link(from: string, to: string): void {
    this.#step('link', to);
    fs.linkSync(this.at(from), this.at(to));
  }

  symlink(target: string, path: string): void {
    this.#step('symlink', path);
    fs.symlinkSync(pathToBytes(target), this.at(path));
  }

  unlink(path: string): void {
    this.#step('unlink', path);
    fs.unlinkSync(this.at(path));
  }

  rmdir(path: string): void {
    this.#step('rmdir', path);
    fs.rmdirSync(this.at(path));
  }

  truncate(path: string, length: number): void {
    this.#step('truncate', path);
    fs.truncateSync(this.at(path), length);
  }

  /** A new file with these bytes; never an existing one. */
  create(path: string, bytes: Uint8Array, attributes?: Attributes): void {
    this.#step('create', path);
    const fd = fs.openSync(this.at(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      this.#write(fd, path, bytes);
      if (attributes !== undefined) this.#finish(fd, attributes);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** The same from a stream, in bounded memory. */
  async createFrom(path: string, chunks: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<void> {
    this.#step('create', path);
    const fd = fs.openSync(this.at(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      for await (const chunk of chunks) this.#write(fd, path, chunk);
      this.#finish(fd, attributes);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Adds bytes at the end of a file and waits until they are on the disk. */
  append(path: string, bytes: Uint8Array): void {
    this.#step('append', path);
    const fd = fs.openSync(this.at(path), O_WRONLY | O_APPEND | O_NOFOLLOW);
    try {
      this.#write(fd, path, bytes);
      this.#step('fsync', path);
      if (this.durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Owner (as root only), permissions, extended attributes and time; of a link itself, its owner and time. */
  setAttributes(path: string, attributes: Attributes, link = false): void {
    this.#step('attributes', path);
    this.#set(this.at(path), attributes, { chown: this.asRoot, link });
  }

  /** The same of something that stays in its place: whoever owns it already does not get it again, so that file capabilities which nobody speaks of stay. */
  changeAttributes(path: string, attributes: Attributes): void {
    this.#step('attributes', path);
    const stats = this.lstat(path);
    const isOwn = stats?.uid === attributes.uid && stats.gid === attributes.gid;
    this.#set(this.at(path), attributes, { chown: this.asRoot && !isOwn, link: false });
  }

  /** Extended attributes alone. */
  setXattrs(path: string, xattrs: readonly XattrState[]): void {
    this.#step('xattr', path);
    putXattrs(this.at(path), xattrs);
  }

  /** What these extended attributes are; undefined where the file system, or this system, has none. */
  xattrs(path: string, names: readonly string[]): readonly XattrState[] | undefined {
    return readXattrs(this.at(path), names);
  }

  /** A device or a fifo. Node has no mknod(2): the programs of that name do it. */
  async makeNode(path: string, type: 'b' | 'c' | 'p', numbers: string): Promise<void> {
    this.#step('mknod', path);
    const { execFile } = await import('node:child_process');
    const args = [this.at(path).toString('utf8'), type, ...(type === 'p' ? [] : numbers.split(':'))];
    await promisify(execFile)('mknod', ['-m', '600', '--', ...args]);
  }

  /** A copy, where a hard link is not to be had. */
  copy(from: string, to: string, attributes: Attributes): void {
    this.#step('create', to);
    fs.copyFileSync(this.at(from), this.at(to), fs.constants.COPYFILE_EXCL);
    this.setAttributes(to, attributes);
  }

  fsync(path: string): void {
    this.#step('fsync', path);
    if (!this.durable) return;
    const fd = fs.openSync(this.at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  /**
   * Lets what was written so far go to the disk while more is written, so that flush() has less to wait for. Returns at once; does nothing while an
   * earlier call is not over. An error that the system tells here it tells nobody else: the next flush() throws it.
   */
  writeBack(tops: readonly string[]): void {
    if (!this.durable || this.#writeBack.isBusy) return;
    this.#writeBack.start(async () => {
      this.#step('syncfs', tops[0] ?? '');
      await this.#syncAll(tops);
    });
  }

  /** What writeBack() was to bring to the disk is not wanted any more: nothing of it runs when this has resolved, and nothing of it is told. */
  async forgetWriteBack(): Promise<void> {
    await this.#writeBack.end().catch(() => undefined);
  }

  /**
   * Waits until files and directories are on the disk: a few one by one, many with one syncfs for each
   * file system (`tops` names a directory on each). ADR 0005 has the figures.
   */
  async flush(paths: readonly string[], tops: readonly string[]): Promise<void> {
    await this.#writeBack.end();
    if (paths.length > FEW) {
      this.#step('syncfs', tops[0] ?? '');
      if (!this.durable || (await this.#syncAll(tops))) return;
    }
    for (const path of paths) {
      const stats = this.lstat(path);
      if (stats?.isFile() === true || stats?.isDirectory() === true) this.fsync(path);
    }
  }

  /** Removes everything at and below `path`, whatever its permissions; nothing when it is not there. */
  removeTree(path: string): void {
    const stats = this.lstat(path);
    if (stats === undefined) return;
    if (!stats.isDirectory()) {
      // somebody may hold a hard link to a set-uid program with a hole: the link must not keep the bit
      if (stats.isFile() && (stats.mode & 0o6000) !== 0 && stats.nlink > 1)
        fs.chmodSync(this.at(path), 0o600);
      // nor file capabilities, which chown clears
      if (this.asRoot && stats.isFile() && stats.nlink > 1)
        fs.lchownSync(this.at(path), stats.uid, stats.gid);
      this.unlink(path);
      return;
    }
    if (!this.asRoot && (stats.mode & 0o700) !== 0o700) fs.chmodSync(this.at(path), 0o700);
    for (const name of this.list(path)) this.removeTree(`${path}/${name}`);
    this.rmdir(path);
  }

  #set(
    full: Buffer,
    { mode, uid, gid, mtime, xattrs }: Attributes,
    how: { chown: boolean; link: boolean },
  ): void {
    // chown clears set-uid bits and file capabilities, so it comes first
    if (how.chown) fs.lchownSync(full, uid, gid);
    if (!how.link) fs.chmodSync(full, mode);
    putXattrs(full, xattrs);
    if (mtime !== undefined) fs.lutimesSync(full, mtime, mtime);
  }

  async #syncAll(tops: readonly string[]): Promise<boolean> {
    const { syncFileSystems } = await import('./sync-file-systems.js');
    return syncFileSystems(tops.map((top) => this.at(top).toString('utf8')));
  }

  #write(fd: number, path: string, bytes: Uint8Array): void {
    this.#step('write', path);
    for (let done = 0; done < bytes.length;) done += fs.writeSync(fd, bytes, done);
  }

  #finish(fd: number, { mode, uid, gid, mtime, xattrs }: Attributes): void {
    if (this.asRoot) fs.fchownSync(fd, uid, gid);
    fs.fchmodSync(fd, mode);
    // after chown, which clears file capabilities
    putXattrs(fd, xattrs);
    if (mtime !== undefined) fs.futimesSync(fd, mtime, mtime);
  }
}

function kindOf(entry: fs.Dirent): 'file' | 'directory' | 'link' | 'other' {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
