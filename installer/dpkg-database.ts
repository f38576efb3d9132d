/**
 * Keeps /var/lib/dpkg true in roots that have dpkg, so that dpkg, apt and maintainer scripts find there what gtpkg installed.
 *
 * When dpkg joins packages that are there already, MD5 sums come from their files, where these still are what the signed manifests say. When dpkg
 * goes, its records of our packages go with it: nobody would keep them true.
 *
 * Written as part of the transaction, with what it was kept for undoing. Packages that somebody installed with dpkg itself keep their
 * paragraphs. Nothing is ever read from it about our own packages: gtpkg's status decides.
 */
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { parseParagraphs } from '../model/deb822.js';
import { eachOwnPath } from './claims.js';
import type { Disk } from './disk.js';
import { DPKG_DIR } from './diversions.js';
import { DpkgLive, type ParagraphOf } from './dpkg-live.js';
import { Sums, withoutLost } from './dpkg-sums.js';
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
  /** undefined: dpkg goes */
  readonly live: DpkgLive | undefined;
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
  const { status, prepared } = context;
  const isThere = (of: RootStatus): boolean => of.get('dpkg')?.state === 'installed';
  if (isThere(status)) return new Writer(context).write();
  return isThere(prepared.input.status) ? new Writer(context).leave() : undefined;
}

class Writer {
  readonly #context: DpkgContext;
  readonly #disk: Disk;
  readonly #sums: Sums;
  readonly #dir: BytePath;
  readonly #operations: Operation[] = [];
  readonly #made = new Set<string>();
  #counter = 0;

  constructor(context: DpkgContext) {
    this.#context = context;
    this.#disk = context.prepared.root.disk;
    this.#dir = new Walk((at) => this.#disk.look(at), this.#disk.root === '/').directory(DPKG_DIR);
    const { diversions } = context.prepared.input;
    this.#sums = new Sums({ disk: this.#disk, diversions, staging: context.staging });
  }

  write(): DpkgChange {
    const { prepared, status } = this.#context;
    const { plan, input } = prepared;
    const isNew = input.status.get('dpkg')?.state !== 'installed';
    const incoming = new Map(plan.incoming.map((by) => [by.name, by]));
    const foreign = this.#foreign(isNew);
    const changed = new Set(plan.changes.map(({ name }) => name));
    const there = this.#infoFiles();
    const paragraphs = new Map<string, string>();
    const later = new Map<string, ParagraphOf>();
    const stale = new Set<string>();
    for (const [name, files] of there)
      if (changed.has(name) || (input.status.has(name) && (isNew || !status.has(name))))
        for (const file of files) stale.add(file);
    for (const pkg of status.values()) {
      const by = incoming.get(pkg.name);
      const old = foreign.ours.get(pkg.name);
      const known = there.get(pkg.name);
      const isSame = !changed.has(pkg.name) && pkg === input.status.get(pkg.name);
      const isWhole = pkg.state !== 'installed' || known?.has(`${infoName(pkg)}.md5sums`) === true;
      if (isSame && isWhole && old !== undefined && !isNew) {
        paragraphs.set(pkg.name, old);
        continue;
      }
      const md5 = this.#conffileDigests(pkg, by, old);
      const paragraph: ParagraphOf = (state) => dpkgParagraph(pkg, state, md5).toString();
      paragraphs.set(pkg.name, paragraph(stateNow(pkg, by !== undefined && this.#context.configures)));
      if (by !== undefined && !pkg.scriptsSkipped) later.set(pkg.name, paragraph);
      for (const [file, bytes] of this.#info(pkg, { by, known: isNew ? undefined : known })) {
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

  /** Takes our packages out of the database; what others installed with dpkg stays in it. */
  leave(): DpkgChange {
    const { input } = this.#context.prepared;
    const { others } = this.#foreign(false);
    for (const [name, files] of this.#infoFiles())
      if (input.status.has(name)) for (const file of files) this.#remove(`info/${file}`);
    for (const name of this.#files('triggers')) this.#remove(`triggers/${name}`);
    if (others.size > 0) {
      this.#put('status', Buffer.from([...others.values()].map((text) => `${text}\n`).join('')));
    } else {
      for (const name of ['status', 'available', 'arch', 'info/format'])
        if (this.#disk.exists(this.#at(name))) this.#remove(name);
    }
    return { operations: this.#operations, live: undefined };
  }

  #files(directory: string): string[] {
    const at = this.#at(directory);
    return this.#disk.look(at).kind === 'dir' ? this.#disk.list(at) : [];
  }

  // By package.
  #infoFiles(): ReadonlyMap<string, ReadonlySet<string>> {
    const found = new Map<string, Set<string>>();
    for (const file of this.#files('info')) {
      const name = ownerOfInfo(file);
      found.set(name, (found.get(name) ?? new Set()).add(file));
    }
    return found;
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
    // one that is not written now, or is obsolete, keeps the digest that dpkg has for it
    const before = new Map(
      [...(old ?? '').matchAll(/^ \/(\S.*) ([0-9a-f]{32})( obsolete)?$/gm)].map((match) => [
        match[1] ?? '',
        match[2],
      ]),
    );
    // now: the files are about to leave the staging area
    const digests = new Map(
      pkg.conffiles.map(({ path, sha256 }) => {
        const known = this.#sums.ofStaged(by, path) ?? before.get(path);
        return [path, known ?? this.#sums.onDisk(pkg.name, path, sha256)];
      }),
    );
    return (path) => digests.get(path);
  }

  // The files of a package in `info`. `known`: those that are there now
  #info(
    pkg: InstalledPackage,
    { by, known }: { readonly by: Incoming | undefined; readonly known: ReadonlySet<string> | undefined },
  ): Map<string, Uint8Array> {
    const name = infoName(pkg);
    const files = new Map<string, Uint8Array>();
    // of what was removed, only conffiles and their directories are left
    const paths: string[] = pkg.state === 'installed' ? ['.'] : [];
    const lost = new Set<string>(pkg.replaced);
    const obsolete = pkg.conffiles.flatMap((one) => (one.obsolete ? one.path : []));
    if (by === undefined) eachOwnPath(this.#disk.root, pkg, (_, path) => paths.push(path));
    else {
      for (const { path } of by.release.manifest) if (!lost.has(path)) paths.push(path);
      paths.push(...obsolete);
    }
    files.set(`${name}.list`, listFile(paths));
    const isThere = pkg.state === 'installed';
    const conffiles = pkg.conffiles.filter((one) => !one.obsolete).map(({ path }) => `/${path}\n`);
    for (const path of by?.release.goneConffiles ?? []) conffiles.push(`remove-on-upgrade /${path}\n`);
    if (isThere && conffiles.length > 0)
      files.set(`${name}.conffiles`, Buffer.from(conffiles.join(''), 'latin1'));
    if (by !== undefined) {
      files.set(`${name}.md5sums`, this.#sums.ofIncoming(by));
      for (const [script, bytes] of by.release.scripts) files.set(`${name}.${script}`, bytes);
      return files;
    }
    if (isThere)
      files.set(
        `${name}.md5sums`,
        known?.has(`${name}.md5sums`) === true
          ? withoutLost(this.#disk.read(this.#at(`info/${name}.md5sums`)), lost)
          : this.#sums.ofInstalled(pkg),
      );
    const scripts = joinPath(this.#context.prepared.root.state.scripts, pkg.name);
    for (const script of this.#disk.exists(scripts) ? this.#disk.list(scripts) : [])
      if (isThere || script === 'postrm')
        files.set(`${name}.${script}`, this.#disk.read(joinPath(scripts, script)));
    return files;
  }

  #triggers(): void {
    const there = this.#files('triggers');
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
