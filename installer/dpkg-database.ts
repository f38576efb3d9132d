/**
 * Keeps /var/lib/dpkg true in roots that have dpkg, so that dpkg, apt and maintainer scripts find there what gtpkg installed.
 *
 * Written as part of the transaction, with what it was kept for undoing. Packages that somebody installed with dpkg itself keep their
 * paragraphs. Nothing is ever read from it about our own packages: gtpkg's status decides.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { parseParagraphs } from '../model/deb822.js';
import { eachOwnPath } from './claims.js';
import type { Disk } from './disk.js';
import { DPKG_DIR, DpkgLive, type ParagraphOf } from './dpkg-live.js';
import { dpkgParagraph, infoName, listFile, triggerFiles, type DpkgState } from './dpkg-text.js';
import type { Operation } from './operations.js';
import type { Incoming } from './plan.js';
import type { Prepared } from './prepare.js';
import type { Staging } from './stage.js';
import type { InstalledPackage, RootStatus } from './status.js';
import { triggerLines } from './trigger-lines.js';
import { Walk } from './walk.js';

const EXECUTABLE = new Set(['preinst', 'postinst', 'prerm', 'postrm', 'config']);

/** What is to be done to the database, and who looks after it while scripts run. */
export interface DpkgChange {
  readonly operations: readonly Operation[];
  readonly live: DpkgLive;
}

/** What the writing of files needs: the state operations' own. */
export interface DpkgContext {
  readonly prepared: Prepared;
  readonly staging: Staging;
  /** gtpkg's status after the transaction */
  readonly status: RootStatus;
  /** a name in the staging area that is free */
  readonly backup: () => string;
  /** packages that come are still to be configured */
  readonly configures: boolean;
}

/** Undefined where dpkg is not among the packages of the root. @throws the system's errors; GtpkgError STATUS_CORRUPT, ROOT_OBSTRUCTED */
export function dpkgChange(context: DpkgContext): DpkgChange | undefined {
  const { status } = context;
  return status.get('dpkg')?.state === 'installed' ? new Writer(context).write() : undefined;
}

class Writer {
  readonly #context: DpkgContext;
  readonly #disk: Disk;
  readonly #dir: BytePath;
  readonly #operations: Operation[] = [];
  readonly #made = new Set<string>();
  #counter = 0;

  constructor(context: DpkgContext) {
    this.#context = context;
    this.#disk = context.prepared.root.disk;
    this.#dir = new Walk((at) => this.#disk.look(at), this.#disk.root === '/').directory(DPKG_DIR);
  }

  write(): DpkgChange {
    const { prepared, status } = this.#context;
    const { plan, input } = prepared;
    const isNew = input.status.get('dpkg')?.state !== 'installed';
    const incoming = new Map(plan.incoming.map((by) => [by.name, by]));
    const foreign = this.#foreign(isNew);
    const changed = new Set(plan.changes.map(({ name }) => name));
    const there = this.#disk.look(this.#at('info')).kind === 'dir' ? this.#disk.list(this.#at('info')) : [];
    const paragraphs = new Map<string, string>();
    const later = new Map<string, ParagraphOf>();
    const stale = new Set(there.filter((file) => changed.has(ownerOfInfo(file))));
    for (const pkg of status.values()) {
      const by = incoming.get(pkg.name);
      const old = foreign.ours.get(pkg.name);
      if (!changed.has(pkg.name) && old !== undefined && !isNew) {
        paragraphs.set(pkg.name, old);
        continue;
      }
      const md5 = this.#conffileDigests(pkg, by, old);
      const paragraph: ParagraphOf = (state) => dpkgParagraph(pkg, state, md5).toString();
      paragraphs.set(pkg.name, paragraph(stateNow(pkg, by !== undefined && this.#context.configures)));
      if (by !== undefined && !pkg.scriptsSkipped) later.set(pkg.name, paragraph);
      for (const [file, bytes] of this.#info(pkg, by)) {
        stale.delete(file);
        this.#put(
          `info/${file}`,
          bytes,
          EXECUTABLE.has(file.slice(file.lastIndexOf('.') + 1)) ? 0o755 : 0o644,
        );
      }
    }
    for (const file of stale) this.#remove(`info/${file}`);
    const all = new Map([...foreign.others, ...paragraphs]);
    this.#triggers();
    this.#put('info/format', Buffer.from('1\n'));
    const native = status.get('dpkg')?.architecture ?? 'all';
    if (!this.#disk.exists(this.#at('arch'))) this.#put('arch', Buffer.from(`${native}\n`));
    if (!this.#disk.exists(this.#at('available'))) this.#put('available', Buffer.alloc(0));
    this.#put('status', Buffer.from([...all.values()].map((text) => `${text}\n`).join('')));
    return {
      operations: this.#operations,
      live: new DpkgLive(this.#disk, this.#dir, { paragraphs: all, later }),
    };
  }

  #at(name: string): BytePath {
    return joinPath(this.#dir, name);
  }

  // What the status file says of packages that are ours, and of others.
  #foreign(isNew: boolean): { ours: Map<string, string>; others: Map<string, string> } {
    const ours = new Map<string, string>();
    const others = new Map<string, string>();
    const path = this.#at('status');
    if (this.#disk.lstat(path)?.isFile() !== true) return { ours, others };
    const { prepared, status } = this.#context;
    const text = this.#disk.read(path).toString('utf8');
    for (const paragraph of parseParagraphs(text, { where: `/${path}`, code: 'STATUS_CORRUPT' })) {
      const name = paragraph.get('Package') ?? '';
      const known = status.has(name) || prepared.input.status.has(name);
      if (known && !isNew) ours.set(name, paragraph.toString());
      else if (!known) others.set(name, paragraph.toString());
    }
    return { ours, others };
  }

  #conffileDigests(
    pkg: InstalledPackage,
    by: Incoming | undefined,
    old: string | undefined,
  ): (path: BytePath) => string | undefined {
    // an obsolete conffile keeps the digest that dpkg has for it
    const before = new Map(
      [...(old ?? '').matchAll(/^ \/(\S.*) ([0-9a-f]{32})( obsolete)?$/gm)].map((match) => [
        match[1] ?? '',
        match[2],
      ]),
    );
    // now: the files are about to leave the staging area
    const digests = new Map(
      pkg.conffiles.map(({ path }) => {
        const staged = by === undefined ? undefined : this.#context.staging.staged(pkg.name, path);
        return [path, (staged === undefined ? undefined : this.#md5(staged)) ?? before.get(path)];
      }),
    );
    return (path) => digests.get(path);
  }

  // The files of a package in `info`.
  #info(pkg: InstalledPackage, by: Incoming | undefined): Map<string, Uint8Array> {
    const name = infoName(pkg);
    const files = new Map<string, Uint8Array>();
    const paths: string[] = [];
    if (by === undefined) eachOwnPath(this.#disk.root, pkg, (_, path) => paths.push(path));
    else for (const { path } of by.release.manifest) paths.push(path);
    files.set(`${name}.list`, listFile(paths));
    const isThere = pkg.state === 'installed';
    const conffiles = pkg.conffiles.filter(({ obsolete }) => !obsolete).map(({ path }) => `/${path}\n`);
    if (isThere && conffiles.length > 0)
      files.set(`${name}.conffiles`, Buffer.from(conffiles.join(''), 'latin1'));
    if (by !== undefined) {
      files.set(`${name}.md5sums`, this.#md5sums(by, new Set(by.release.conffiles)));
      for (const [script, bytes] of by.release.scripts) files.set(`${name}.${script}`, bytes);
    } else {
      const scripts = joinPath(this.#context.prepared.root.state.scripts, pkg.name);
      for (const script of this.#disk.exists(scripts) ? this.#disk.list(scripts) : [])
        if (isThere || script === 'postrm')
          files.set(`${name}.${script}`, this.#disk.read(joinPath(scripts, script)));
    }
    return files;
  }

  #md5sums(by: Incoming, conffiles: ReadonlySet<string>): Buffer {
    const { staging } = this.#context;
    const lines = by.release.manifest.flatMap(({ type, path, link }) => {
      if ((type !== 'f' && type !== 'h') || conffiles.has(path)) return [];
      const staged = staging.staged(by.name, path);
      const known = staging.md5(by.name, link ?? path);
      const md5 = staged === undefined ? undefined : (known ?? this.#md5(staged));
      return md5 === undefined ? [] : [`${md5}  ${path}\n`];
    });
    return Buffer.from(lines.join(''), 'latin1');
  }

  #md5(path: string): string | undefined {
    if (this.#disk.lstat(path)?.isFile() !== true) return undefined;
    const hash = createHash('md5');
    const buffer = Buffer.allocUnsafe(256 * 1024);
    const fd = openSync(this.#disk.at(path), 'r');
    try {
      for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer))
        hash.update(buffer.subarray(0, got));
    } finally {
      closeSync(fd);
    }
    return hash.digest('hex');
  }

  #triggers(): void {
    const directory = this.#at('triggers');
    const there = this.#disk.look(directory).kind === 'dir' ? this.#disk.list(directory) : [];
    const files = triggerFiles(triggerLines(this.#context.prepared));
    for (const [name, bytes] of files) this.#put(`triggers/${name}`, bytes);
    for (const own of ['Unincorp', 'Lock'])
      if (!there.includes(own)) this.#put(`triggers/${own}`, Buffer.alloc(0), own === 'Lock' ? 0o600 : 0o644);
    for (const name of there)
      if (!files.has(name) && name !== 'Unincorp' && name !== 'Lock') this.#remove(`triggers/${name}`);
  }

  #put(name: string, bytes: Uint8Array, mode = 0o644): void {
    const path = this.#at(name);
    const stats = this.#disk.lstat(path);
    if (stats?.isFile() === true && stats.size === bytes.length && this.#disk.read(path).equals(bytes))
      return;
    this.#directory(parentPath(path));
    const staged = this.#context.staging.create(`d${this.#counter++}`, bytes, mode);
    if (stats === undefined) this.#operations.push({ kind: 'place', staged, path });
    else this.#operations.push({ kind: 'replace', staged, path, backup: this.#context.backup() });
  }

  #remove(name: string): void {
    this.#operations.push({ kind: 'remove', path: this.#at(name), backup: this.#context.backup() });
  }

  // Directories that dpkg's own package does not ship, or not in this version.
  #directory(path: BytePath): void {
    if (this.#made.has(path) || this.#disk.exists(path)) return;
    this.#made.add(path);
    const slots = this.#context.prepared.plan.slots;
    if (slots.has(path) || slots.has(`${DPKG_DIR}${path.slice(this.#dir.length)}`)) return;
    this.#directory(parentPath(path));
    const staged = this.#context.staging.createDirectory(`d${this.#counter++}`, new Map());
    this.#operations.push({ kind: 'place', staged, path });
  }
}

function stateNow(pkg: InstalledPackage, isOpen: boolean): DpkgState {
  if (pkg.state === 'config-files') return 'config-files';
  return isOpen || pkg.scriptsSkipped ? 'unpacked' : 'installed';
}

// libc6:amd64.list and foo.postinst alike.
function ownerOfInfo(file: string): string {
  return file.slice(0, Math.max(0, file.lastIndexOf('.'))).replace(/:.*$/, '');
}
