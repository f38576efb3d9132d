/**
 * Puts back what is not as signed: one transaction with a journal, as every other change of a root (ADR 0005).
 *
 * In: the differences that verify found, and somebody who brings contents (fetched and checked against the same manifest). Permissions and owners are set without fetching anything;
 * directories, links and devices follow from the manifest; a second name of a file comes from the file. Conffiles stay unless they are asked for, and then the user's version is kept
 * beside. What no package has is left alone, and so is a directory with something in it where a file should be. The status does not change; the history says what was put back.
 */
import { randomBytes } from 'node:crypto';
import { joinPath, parentPath, pathToText, type BytePath } from '../model/bytes.js';
import type { Report } from '../model/events.js';
import type { ManifestEntry } from '../model/manifest.js';
import type { Xattr } from '../model/xattr.js';
import type { Difference, DifferenceKind } from './check.js';
import type { Attributes } from './disk.js';
import { carryOut } from './carry-out.js';
import { diskError } from './disk-error.js';
import { readDiversions } from './diversions.js';
import { makeHardLink, makeNode } from './entries.js';
import { Ground } from './ground.js';
import { actor, formatHistory, historyCommand, historyName, nextId } from './history.js';
import type { Journal } from './journal.js';
import type { FileTarget, FileTargets } from './lay-out.js';
import type { Operation } from './operations.js';
import { Owners } from './owners.js';
import { CONFFILE_OLD } from './conffiles.js';
import { sweepStaging } from './recover.js';
import { grouped, planRepair, type Item, type LeftPath, type RepairPlan } from './repair-plan.js';
import { lightChange } from './repair-light.js';
import { newSums } from './repair-sums.js';
import type { OpenRoot } from './root.js';
import { Staging } from './stage.js';
import type { InstalledPackage } from './status.js';
import { Walk } from './walk.js';

/** What to repair, and who helps. */
export interface RepairRequest {
  readonly differences: readonly Difference[];
  /** the user's conffiles stay, or make room for the signed ones */
  readonly conffiles: 'keep' | 'replace';
  /** as the user gave it, for the history */
  readonly command: string;
  readonly now: Date;
  readonly report: Report;
  /** Writes these files of a package. @throws what fetching and verifying throw */
  readonly contents: (pkg: InstalledPackage, targets: FileTargets) => Promise<void>;
}

/** One path that is as signed again. */
export interface RepairedPath {
  readonly package: string;
  readonly path: BytePath;
  /** what had been wrong with it */
  readonly kinds: readonly DifferenceKind[];
}

/** What was done. */
export interface Repaired {
  /** number in the history; undefined when there was nothing to do */
  readonly id: number | undefined;
  readonly repaired: readonly RepairedPath[];
  readonly left: readonly LeftPath[];
}

/**
 * Repairs a root opened `exclusive`.
 * @throws GtpkgError NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR; what `contents` throws; the root is as before then
 */
export async function repairRoot(root: OpenRoot, request: RepairRequest): Promise<Repaired> {
  const plan = planRepair(root, request);
  if (plan.items.length === 0) return { id: undefined, repaired: [], left: plan.left };
  return new Repair(root, request, plan).run();
}

class Repair {
  readonly #root: OpenRoot;
  readonly #request: RepairRequest;
  readonly #plan: RepairPlan;
  readonly #id: number;
  readonly #ground: Ground;
  readonly #owners: Owners;
  readonly #left: LeftPath[];
  readonly #operations: Operation[] = [];
  #counter = 0;

  constructor(root: OpenRoot, request: RepairRequest, plan: RepairPlan) {
    this.#root = root;
    this.#request = request;
    this.#plan = plan;
    this.#left = [...plan.left];
    this.#id = nextId(root.dir);
    const id = `${this.#id}-${randomBytes(6).toString('hex')}`;
    this.#ground = new Ground(root.disk, { state: root.state, id });
    this.#owners = new Owners(root.disk);
  }

  async run(): Promise<Repaired> {
    const { disk, state } = this.#root;
    const free = this.#plan.items.filter((item) => this.#isFree(item));
    const items = free.filter((item) => this.#hasFile(item, free));
    const made = items.filter(({ light }) => !light);
    // directories first: what is in them is staged with them
    const directories = made.filter(({ entry }) => entry.type === 'd');
    for (const { at } of directories) this.#ground.home(at);
    const rest = made.filter(({ entry }) => entry.type !== 'd');
    const places = new Map(rest.map((item) => [item, this.#ground.staged(item.at)]));
    for (const { at } of items) this.#ground.makeRoom(parentPath(at) as BytePath);
    const staging = new Staging(disk, { ...EMPTY, areas: this.#ground.areas, directories: this.#ground.directories }, this.#owners); // prettier-ignore
    const journal: Journal = {
      id: this.#id,
      command: this.#request.command,
      areas: this.#ground.areas.map(({ path }) => path),
      prune: [],
      operations: this.#operations,
      acts: [],
    };
    try {
      staging.open();
      staging.makeDirectories();
      await this.#stage(staging, rest, places);
      this.#finishDirectories(directories);
      const done = items.filter((item) => !item.light || this.#attributes(item, staging));
      for (const { path, staged, top } of this.#ground.directories) {
        if (!top) continue;
        if (disk.exists(path)) this.#remove(path);
        this.#operations.push({ kind: 'place', staged, path });
      }
      for (const item of rest) this.#put(item, places.get(item));
      const repaired = done.map(({ pkg, entry, kinds }) => ({ package: pkg.name, path: entry.path, kinds }));
      for (const { name, at, bytes } of newSums(disk, rest, places)) {
        const staged = staging.create(`sums-${name}`, bytes);
        this.#operations.push({ kind: 'replace', staged, path: at, backup: this.#backup(staged) });
      }
      this.#history(staging, repaired);
      await disk.flush(staging.written, journal.areas);
      await carryOut(this.#root, journal);
      return { id: this.#id, repaired, left: this.#left };
    } catch (error) {
      if (!disk.exists(state.journal)) sweepStaging(disk, state);
      throw diskError(error, 'repairing');
    }
  }

  // A directory with something in it would have to go: that is more than a repair may do.
  #isFree({ pkg, entry, at, light }: Item): boolean {
    const { disk } = this.#root;
    if (light || entry.type === 'd' || disk.look(at).kind !== 'dir' || disk.list(at).length === 0)
      return true;
    const why = 'a directory with something in it is there: move it away, then repair again';
    this.#left.push({ package: pkg.name, path: entry.path, why });
    return false;
  }

  // A second name needs its file, which is as signed or comes along.
  #hasFile({ pkg, entry }: Item, items: readonly Item[]): boolean {
    if (entry.type !== 'h') return true;
    const { disk } = this.#root;
    const comes = items.some((each) => each.pkg === pkg && each.entry.path === entry.link);
    if (comes || disk.lstat(this.#placed(pkg, entry.link ?? ''))?.isFile() === true) return true;
    const why = `its file, /${pathToText(entry.link ?? '')}, is not there`;
    this.#left.push({ package: pkg.name, path: entry.path, why });
    return false;
  }

  async #stage(
    staging: Staging,
    items: readonly Item[],
    places: ReadonlyMap<Item, { readonly staged: BytePath }>,
  ): Promise<void> {
    for (const all of grouped(items, ({ pkg }) => pkg.name).values()) {
      const [{ pkg }] = all as [Item];
      const targets = new Map<string, FileTarget>();
      for (const item of all) {
        const { entry } = item;
        const staged = places.get(item)?.staged;
        if (entry.type === 'f' && staged !== undefined)
          targets.set(entry.path, { path: staged, ...this.#complete(staging, entry, staged) });
      }
      if (targets.size > 0) await this.#request.contents(pkg, targets);
      staging.wrote([...targets.values()].map(({ path }) => path));
      for (const item of all) {
        const staged = places.get(item)?.staged;
        if (staged !== undefined) await this.#entry(item, staged, { staging, targets });
      }
    }
  }

  async #entry(
    { pkg, entry }: Item,
    staged: BytePath,
    { staging, targets }: { staging: Staging; targets: FileTargets },
  ): Promise<void> {
    const { disk } = this.#root;
    const making = { path: staged, ...this.#complete(staging, entry, staged) };
    if (entry.type === 'l') {
      disk.symlink(entry.link ?? '', staged);
      disk.setAttributes(staged, making, true);
    } else if (entry.type === 'h') {
      const from = targets.get(entry.link ?? '')?.path ?? this.#placed(pkg, entry.link ?? '');
      if (makeHardLink(disk, from, making) === 'copied') staging.wrote([staged]);
    } else if (entry.type !== 'f') {
      await makeNode(disk, entry, { ...making, spare: () => this.#backup(staged) });
    }
  }

  #complete(staging: Staging, entry: ManifestEntry, staged: string): Attributes & { readonly mtime: number } {
    return { ...this.#owners.attributes(entry), xattrs: staging.xattrs(entry, staged) };
  }

  // A file that is as signed, for a second name of it.
  #placed(pkg: InstalledPackage, path: string): BytePath {
    const { disk } = this.#root;
    const walk = new Walk((at) => disk.look(at), disk.root === '/');
    return walk.entry(readDiversions(disk).place(path as BytePath, pkg.name));
  }

  #finishDirectories(items: readonly Item[]): void {
    const { disk } = this.#root;
    const entries = new Map(items.map(({ at, entry }) => [at as string, entry]));
    for (const { path, staged } of [...this.#ground.directories].reverse()) {
      const entry = entries.get(path);
      const plain = { mode: 0o755, ...disk.self };
      disk.setAttributes(staged, entry === undefined ? plain : this.#owners.attributes(entry));
    }
  }

  // False: it cannot be put right, and that is noted.
  #attributes(item: Item, staging: Staging): boolean {
    const { pkg, entry } = item;
    const xattrs = (): readonly Xattr[] | undefined => staging.xattrs(entry, `${staging.main}/`);
    const change = lightChange(item, { disk: this.#root.disk, owners: this.#owners, xattrs });
    const why = 'its extended attributes cannot be set here';
    if (change !== undefined) this.#operations.push(change);
    else this.#left.push({ package: pkg.name, path: entry.path, why });
    return change !== undefined;
  }

  #put({ at, conffile }: Item, place: { staged: BytePath; inTree: boolean } | undefined): void {
    const { disk } = this.#root;
    if (place === undefined || place.inTree) return;
    const { staged } = place;
    const { kind } = disk.look(at);
    if (conffile && kind === 'other') {
      const copy = `${at}${CONFFILE_OLD}`;
      if (disk.exists(copy)) this.#remove(copy);
      this.#operations.push({ kind: 'save', path: at, copy });
    }
    if (kind === 'dir') this.#remove(at);
    if (kind === 'dir' || kind === 'absent') this.#operations.push({ kind: 'place', staged, path: at });
    else this.#operations.push({ kind: 'replace', staged, path: at, backup: this.#backup(staged) });
  }

  #remove(path: string): void {
    const device = this.#root.disk.lstat(parentPath(path))?.dev;
    const area = this.#ground.areas.find((each) => each.device === device) ?? this.#ground.areas[0];
    this.#operations.push({ kind: 'remove', path, backup: this.#backup(`${area?.path ?? ''}/x`) });
  }

  // On the same file system as `near`, which lies in an area.
  #backup(near: string): string {
    const area = this.#ground.areas.find(({ path }) => near.startsWith(`${path}/`)) ?? this.#ground.areas[0];
    return joinPath(area?.path ?? ('' as BytePath), `b${this.#counter++}`);
  }

  #history(staging: Staging, repaired: readonly RepairedPath[]): void {
    const { state } = this.#root;
    const { command, now } = this.#request;
    const staged = staging.create(
      'history',
      formatHistory({
        id: this.#id,
        date: now.toISOString(),
        purpose: { kind: 'change' },
        command: historyCommand(command),
        ...actor(),
        changes: [],
        indexCommits: {},
        notes: repaired.map(
          ({ package: name, path }) => `/${pathToText(path)} of ${name} is as signed again`,
        ),
      }),
    );
    this.#operations.push({ kind: 'place', staged, path: joinPath(state.history, historyName(this.#id)) });
  }
}

const EMPTY = {
  phase: () => 0,
  shared: new Map(),
  placements: [],
  cleared: [],
  removals: [],
  gone: [],
  going: new Set<string>(),
  prune: [],
  lost: new Map(),
  strangers: [],
};
