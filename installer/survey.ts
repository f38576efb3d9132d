/**
 * Brings a plan to the ground: where each path of it really is in this root (symbolic links followed inside the root),
 * what stands there now, and so where it is staged and what has to make room. Reads the disk, changes nothing.
 *
 * The end state decides where a path is: links that incoming packages bring are followed, links that go are not.
 * dpkg's rules for directories and links (Policy §6.6): a link to a directory stays where a package has a directory; beyond dpkg, what a
 * package itself turned from a directory into a link or a file, and the reverse, is turned when nothing else is lost by it.
 */
import { compareBytes, joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import { eachShippedPath } from './claims.js';
import type { Disk } from './disk.js';
import { contender, type PlanInput, type PlannedConffile, type Slot, type TransactionPlan } from './plan.js';
import { fileConflict, settle } from './settle.js';
import type { StatePaths } from './state.js';
import { ABSENT, DIRECTORY, obstructed, Walk, type Seen } from './walk.js';

/** A staging directory; one on each file system that the transaction writes to. */
export interface Area {
  readonly path: BytePath;
  readonly device: number;
}

/** A directory that is not there yet. `staged` is where it is built; a top is renamed into place with all below it. */
export interface FreshDirectory {
  readonly path: BytePath;
  readonly staged: BytePath;
  readonly top: boolean;
  /** undefined when no package has it: it is only on the way */
  readonly slot: Slot | undefined;
}

/** A solid that is to be placed. */
export interface Placement {
  readonly slot: Slot;
  readonly path: BytePath;
  readonly staged: BytePath;
  readonly area: Area;
  /** it is inside a fresh directory and comes with it */
  readonly inTree: boolean;
  readonly conffile: PlannedConffile | undefined;
}

export interface Survey {
  readonly areas: readonly Area[];
  readonly directories: readonly FreshDirectory[];
  /** directories that are there and may get other attributes: by physical path */
  readonly shared: ReadonlyMap<string, Slot>;
  readonly placements: readonly Placement[];
  /** files and links that stand where a directory is to be, directories where a solid is to be */
  readonly cleared: readonly BytePath[];
  readonly removals: readonly BytePath[];
  /** `removals`, `cleared`, and what goes with a directory in `cleared` */
  readonly going: ReadonlySet<string>;
  /** deepest first */
  readonly prune: readonly BytePath[];
  /** by package: logical paths that it loses */
  readonly lost: ReadonlyMap<string, ReadonlySet<string>>;
  /** files that belonged to nobody and are replaced */
  readonly strangers: readonly BytePath[];
}

interface Home {
  readonly area: Area;
  /** undefined: the directory is there */
  readonly staged: BytePath | undefined;
}

/** What a survey needs beside the plan. */
export interface SurveyContext {
  readonly disk: Disk;
  readonly state: StatePaths;
  readonly input: PlanInput;
  /** names the staging directories */
  readonly id: string;
}

/** @throws GtpkgError FILE_CONFLICT, ROOT_OBSTRUCTED; the system's errors */
export function survey(plan: TransactionPlan, context: SurveyContext): Survey {
  return new Surveyor(plan, context).run();
}

class Surveyor {
  readonly #plan: TransactionPlan;
  readonly #context: SurveyContext;
  readonly #disk: Disk;
  readonly #now: Walk;
  #end: Walk;
  readonly #overlay = new Map<string, Seen>();
  readonly #transitions = new Set<string>();
  readonly #homes = new Map<string, Home>();
  readonly #areas = new Map<number, Area>();
  readonly #fresh = new Map<
    string,
    { path: BytePath; staged: BytePath; top: boolean; slot: Slot | undefined }
  >();
  readonly #shared = new Map<string, Slot>();
  readonly #solids = new Map<string, Slot>();
  readonly #lost = new Map<string, Set<string>>();
  readonly #surveyed = new Set<string>();
  #counter = 0;

  constructor(plan: TransactionPlan, context: SurveyContext) {
    this.#plan = plan;
    this.#context = context;
    this.#disk = context.disk;
    this.#now = new Walk((path) => this.#disk.look(path), this.#disk.root === '/');
    this.#end = this.#now;
    for (const [name, paths] of plan.lost) this.#lost.set(name, new Set(paths));
    // our own state is written in every transaction, so its file system's area comes first
    const { staging } = context.state;
    this.#area(staging, this.#disk.lstat(staging)?.dev ?? 0);
  }

  run(): Survey {
    const slots = [...this.#plan.slots.values()].sort((a, b) => compareBytes(a.path, b.path));
    this.#foresee(slots);
    for (const slot of slots) {
      if (slot.entry.type === 'd') this.#directory(slot);
      else if (slot.lostTo === undefined) this.#solid(slot);
    }
    for (const [path, slot] of this.#solids) {
      const there = this.#fresh.get(path)?.slot ?? this.#shared.get(path);
      if (there !== undefined)
        throw fileConflict(path, slot.by.name, there.by.name, 'a directory in one, not in the other');
    }
    const oldSolids = this.#oldSolids();
    const removals = this.#removals(oldSolids);
    const strangers = this.#strangers(oldSolids);
    const cleared = [...(this.#transitions as Set<BytePath>), ...this.#emptied(new Set(removals))];
    const under = (path: string): boolean =>
      cleared.some((top) => path === top || path.startsWith(`${top}/`));
    const placements = this.#placements();
    for (const path of [...removals, ...cleared]) this.#areaOf(parentPath(path));
    return {
      areas: [...this.#areas.values()],
      directories: [...this.#fresh.values()],
      shared: this.#shared,
      placements,
      cleared,
      removals: removals.filter((path) => !under(path)),
      going: new Set([...removals, ...cleared]),
      prune: this.#prune().filter((path) => !under(path)),
      lost: this.#lost,
      strangers,
    };
  }

  // What links will be there in the end, so that paths can be followed through them.
  #foresee(slots: readonly Slot[]): void {
    const { oldSolids, removals } = this.#plan;
    const going = new Set<string>(removals);
    for (const [path, { entry }] of oldSolids) {
      const slot = this.#plan.slots.get(path);
      // a kept package lives behind the link: it stays
      const isShared = this.#context.input.claims.has(path);
      const becomesDirectory = slot?.entry.type === 'd' && !isShared;
      if (!becomesDirectory && !(going.has(path) && entry?.type === 'l')) continue;
      const at = this.#quietly(path);
      const seen = at === undefined ? ABSENT : this.#disk.look(at);
      if (at === undefined || seen.kind === 'absent' || seen.kind === 'dir') continue;
      // a link that the package did not make is the administrator's, and stays
      if (seen.kind === 'link' && (entry?.type !== 'l' || entry.link !== seen.target)) continue;
      this.#overlay.set(at, becomesDirectory ? DIRECTORY : ABSENT);
      if (becomesDirectory) this.#transitions.add(at);
    }
    const links = slots.filter((slot) => slot.entry.type === 'l' && slot.lostTo === undefined);
    // A link may change where another one is; real roots settle in the second round.
    for (let round = 0; ; round++) {
      this.#end = new Walk(
        (path) => this.#overlay.get(path) ?? this.#disk.look(path),
        this.#disk.root === '/',
      );
      let changed = false;
      for (const { path, entry } of links) {
        const at = this.#end.entry(path);
        const known = this.#overlay.get(at);
        if (known?.kind === 'link' && known.target === entry.link) continue;
        this.#overlay.set(at, { kind: 'link', target: entry.link ?? '' });
        changed = true;
      }
      if (!changed) break;
      if (round > 8)
        throw obstructed(links[0]?.path ?? '', 'is one of several links that lead through each other');
    }
    for (const slot of links)
      if (slot.directoryOf !== undefined) this.#linkOverDirectory(slot, slot.directoryOf);
  }

  // One package has a link where another has a directory: the link must lead to a directory.
  #linkOverDirectory(slot: Slot, other: string): void {
    const at = this.#end.entry(slot.path);
    const seen = this.#disk.look(at);
    const isKept = !this.#plan.incoming.some((by) => by.name === other);
    if (isKept && (seen.kind === 'dir' || (seen.kind === 'link' && seen.target !== slot.entry.link))) {
      throw fileConflict(slot.path, slot.by.name, other, 'a link in one, a directory in the other');
    }
    try {
      this.#end.directory(slot.path);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      throw fileConflict(
        slot.path,
        slot.by.name,
        other,
        'a directory in one, a link to something else in the other',
      );
    }
  }

  #directory(slot: Slot): void {
    let at: BytePath;
    try {
      at = this.#end.directory(slot.path);
    } catch (error) {
      if (slot.linkOf === undefined || !(error instanceof GtpkgError)) throw error;
      throw fileConflict(
        slot.path,
        slot.by.name,
        slot.linkOf,
        'a directory in the one, a link to something else in the other',
      );
    }
    if (at !== '') this.#guard(slot, at, true);
    this.#home(at);
    const fresh = this.#fresh.get(at);
    // of several names for one directory, its own counts
    if (fresh !== undefined) {
      if (fresh.slot === undefined || slot.path === at) fresh.slot = slot;
    } else if (slot.path === at) {
      this.#shared.set(at, slot);
    }
  }

  #solid(slot: Slot): void {
    const at = this.#end.entry(slot.path);
    this.#guard(slot, at, false);
    const there = this.#solids.get(at);
    if (there === undefined) {
      this.#solids.set(at, slot);
      return;
    }
    // two names for one path: a link on the way makes them meet
    const winner = settle(there.by, slot.by, at) === there.by ? there : slot;
    const loser = winner === there ? slot : there;
    if (winner.by === loser.by)
      throw fileConflict(at, slot.by.name, slot.by.name, 'two of its paths are one here');
    this.#lose(loser.by.name, loser.path);
    this.#solids.set(at, winner);
  }

  // Nobody ships gtpkg's own state.
  #guard(slot: Slot, at: string, isDirectory: boolean): void {
    const { top } = this.#context.state;
    if (at.startsWith(`${top}/`) || (!isDirectory && at === top)) {
      throw fileConflict(at, slot.by.name, 'gtpkg', "gtpkg's own state is there");
    }
  }

  #home(path: BytePath): Home {
    const known = this.#homes.get(path);
    if (known !== undefined) return known;
    const stats = this.#disk.lstat(path);
    // a preview may look at a root that is not there yet
    const isThere = stats?.isDirectory() === true || path === '';
    const home = isThere ? { area: this.#area(path, stats?.dev ?? 0), staged: undefined } : this.#build(path);
    this.#homes.set(path, home);
    return home;
  }

  #build(path: BytePath): Home {
    const parent = this.#home(parentPath(path));
    const top = parent.staged === undefined;
    const staged = top
      ? this.#flat(parent.area)
      : joinPath(parent.staged, path.slice(path.lastIndexOf('/') + 1));
    this.#fresh.set(path, { path, staged, top, slot: undefined });
    return { area: parent.area, staged };
  }

  #flat(area: Area): BytePath {
    return joinPath(area.path, String(this.#counter++));
  }

  #area(path: BytePath, device: number): Area {
    const known = this.#areas.get(device);
    if (known !== undefined) return known;
    const { state, id } = this.#context;
    let area: BytePath;
    if (this.#disk.lstat(state.staging)?.dev === device) {
      area = joinPath(state.staging, id);
    } else {
      let top = path;
      while (top !== '' && this.#disk.lstat(parentPath(top))?.dev === device) top = parentPath(top);
      area = joinPath(top, `.gtpkg-${id}`);
    }
    const made = { path: area, device };
    this.#areas.set(device, made);
    return made;
  }

  // Room for what is taken away from an existing directory.
  #areaOf(directory: BytePath): void {
    if (this.#surveyed.has(directory)) return;
    this.#surveyed.add(directory);
    const stats = this.#disk.lstat(directory);
    if (stats !== undefined) this.#area(directory, stats.dev);
  }

  #placements(): Placement[] {
    const conffiles = new Map(this.#plan.conffiles.map((conffile) => [conffile.path as string, conffile]));
    const linked = new Set<string>();
    for (const { entry, by } of this.#plan.slots.values())
      if (entry.type === 'h') linked.add(`${by.name}/${entry.link ?? ''}`);
    return [...this.#solids].flatMap(([path, slot]): Placement[] => {
      const home = this.#home(parentPath(path));
      const conffile = conffiles.get(slot.path);
      const inTree = home.staged !== undefined;
      // deleted by the user together with its directory: it stays deleted
      if (inTree && conffile?.base !== undefined && !linked.has(`${slot.by.name}/${slot.path}`)) return [];
      const staged =
        home.staged === undefined
          ? this.#flat(home.area)
          : joinPath(home.staged, path.slice(path.lastIndexOf('/') + 1));
      return [{ slot, path: path as BytePath, staged, area: home.area, inTree, conffile }];
    });
  }

  // Where the leaving packages' solids are now.
  #oldSolids(): Map<string, BytePath> {
    const found = new Map<string, BytePath>();
    for (const path of this.#plan.oldSolids.keys()) {
      const at = this.#quietly(path);
      if (at !== undefined) found.set(at, path as BytePath);
    }
    return found;
  }

  #removals(oldSolids: ReadonlyMap<string, BytePath>): BytePath[] {
    const going = new Set<string>(this.#plan.removals);
    const found = new Set<BytePath>();
    const consider = (at: BytePath): void => {
      const seen = this.#disk.look(at);
      const isPlaced =
        this.#solids.has(at) || this.#fresh.has(at) || at.startsWith(`${this.#context.state.top}/`);
      if (seen.kind !== 'absent' && seen.kind !== 'dir' && !isPlaced) found.add(at);
    };
    for (const [at, path] of oldSolids) {
      const slot = this.#plan.slots.get(path);
      if (going.has(path) || (slot !== undefined && slot.entry.type !== 'd' && slot.lostTo === undefined))
        consider(at as BytePath);
    }
    for (const path of this.#plan.removals) {
      if (this.#plan.oldSolids.has(path)) continue;
      const at = this.#quietly(path);
      if (at !== undefined) consider(at);
    }
    return [...found];
  }

  // Files in the way of solids that no leaving package had: perhaps a kept package has them under another name.
  #strangers(oldSolids: ReadonlyMap<string, BytePath>): BytePath[] {
    const { input } = this.#context;
    const strangers = new Map<string, BytePath>();
    const names = new Set<string>();
    for (const [at, slot] of this.#solids) {
      if (
        oldSolids.has(at) ||
        (slot.path === at && input.claims.get(slot.path)?.some(({ type }) => type !== 'd') === true)
      )
        continue;
      if (this.#isFresh(at)) continue;
      const { kind } = this.#disk.look(at);
      if (kind === 'absent' || kind === 'dir') continue;
      strangers.set(at, at as BytePath);
      names.add(at.slice(at.lastIndexOf('/') + 1));
    }
    if (strangers.size === 0) return [];
    const leaving = new Set(
      this.#plan.changes.filter(({ action }) => action !== 'mark').map(({ name }) => name),
    );
    for (const pkg of input.status.values()) {
      if (leaving.has(pkg.name) || pkg.state !== 'installed') continue;
      eachShippedPath(this.#disk.root, pkg, (type, path) => {
        if (type === 'd' || !names.has(path.slice(path.lastIndexOf('/') + 1))) return;
        const at = this.#quietly(path);
        const slot = at === undefined || !strangers.has(at) ? undefined : this.#solids.get(at);
        if (at === undefined || slot === undefined) return;
        strangers.delete(at);
        if (settle(slot.by, contender(input.status, pkg.name), at) === slot.by) {
          this.#lose(pkg.name, path);
        } else {
          this.#lose(slot.by.name, slot.path);
          this.#solids.delete(at);
        }
      });
    }
    return [...strangers.values()];
  }

  // Directories where a solid is to be: everything in them must be going.
  #emptied(removals: ReadonlySet<string>): BytePath[] {
    // a user may have made a directory of a conffile
    const known = new Set<string>(
      this.#plan.conffiles.flatMap(({ path, base }) => (base === undefined ? [] : path)),
    );
    return [...this.#solids].flatMap(([at, slot]) => {
      if (known.has(slot.path)) return [];
      if (this.#isFresh(at) || this.#disk.look(at).kind !== 'dir') return [];
      const obstacle = firstLeft(this.#disk, at as BytePath, removals);
      if (obstacle === undefined) return [at as BytePath];
      throw obstructed(
        obstacle,
        `would be lost: ${slot.by.name} ${slot.by.version} has no directory at /${at} any more`,
        'Move it to another place, then run the command again. Nothing was changed.',
      );
    });
  }

  // Its directory is not there yet, so nothing stands in its place.
  #isFresh(path: string): boolean {
    return this.#home(parentPath(path)).staged !== undefined;
  }

  #prune(): BytePath[] {
    const found = this.#plan.prune.flatMap((path) => {
      const at = this.#quietly(path);
      if (at === undefined || this.#homes.has(at) || this.#disk.look(at).kind !== 'dir') return [];
      return this.#context.state.top === at || this.#context.state.top.startsWith(`${at}/`) ? [] : [at];
    });
    return found.sort((a, b) => compareBytes(b, a));
  }

  #lose(name: string, path: string): void {
    const paths = this.#lost.get(name);
    if (paths === undefined) this.#lost.set(name, new Set([path]));
    else paths.add(path);
  }

  // Where a path of a leaving package is; undefined when its directory is gone or was turned into something else.
  #quietly(path: string): BytePath | undefined {
    try {
      return this.#now.entry(path);
    } catch (error) {
      if (error instanceof GtpkgError) return undefined;
      throw error;
    }
  }
}

/** The first path below a directory, itself no directory, that is not in `removals`. */
export function firstLeft(
  disk: Disk,
  directory: BytePath,
  removals: ReadonlySet<string>,
): BytePath | undefined {
  for (const name of disk.list(directory)) {
    const path = joinPath(directory, name);
    if (disk.look(path).kind === 'dir') {
      const found = firstLeft(disk, path, removals);
      if (found !== undefined) return found;
    } else if (!removals.has(path)) {
      return path;
    }
  }
  return undefined;
}

/** The old entry of a directory that only this package has, when its attributes may follow the new one. */
export function ownDirectory(plan: TransactionPlan, input: PlanInput, slot: Slot): ManifestEntry | undefined {
  const old = plan.oldDirectories.get(slot.path);
  if (old?.name !== slot.by.name) return undefined;
  return input.claims.get(slot.path)?.some(({ type }) => type === 'd') === true ? undefined : old.entry;
}
