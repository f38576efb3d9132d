/**
 * Brings a plan to the ground: where each path of it really is in this root (symbolic links followed inside the root),
 * what stands there now, and so where it is staged and what has to make room. Reads the disk, changes nothing.
 *
 * The end state decides where a path is: links that incoming packages bring are followed, links that go are not.
 * dpkg's rules for directories and links (Policy §6.6): a link to a directory stays where a package has a directory; beyond dpkg, what a
 * package itself turned from a directory into a link or a file, and the reverse, is turned when nothing else is lost by it.
 */
import { compareBytes, parentPath, pathToText, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { eachShippedPath } from './claims.js';
import type { Disk } from './disk.js';
import { firstLeft } from './emptied.js';
import { foresee } from './foresee.js';
import { Ground, type Area, type FreshDirectory, type PhaseOf } from './ground.js';
import type { GoneConffile, PlanInput, PlannedConffile, Slot, TransactionPlan } from './plan.js';
import { phasePaths } from './phase-paths.js';
import { fileConflict, settle } from './settle.js';
import { contender } from './slots.js';
import type { StatePaths } from './state.js';
import { obstructed, Walk, quietly } from './walk.js';

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

/** A conffile that goes, or is moved aside, and where it is. */
export interface GoneAt extends GoneConffile {
  readonly at: BytePath;
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
  readonly gone: readonly GoneAt[];
  /** `removals`, `cleared`, and what goes with a directory in `cleared` */
  readonly going: ReadonlySet<string>;
  /** deepest first */
  readonly prune: readonly BytePath[];
  /** by package: logical paths that it loses */
  readonly lost: ReadonlyMap<string, ReadonlySet<string>>;
  /** files that belonged to nobody and are replaced */
  readonly strangers: readonly BytePath[];
  readonly phase: PhaseOf;
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
  #transitions: ReadonlySet<BytePath> = new Set();
  readonly #ground: Ground;
  readonly #shared = new Map<string, Slot>();
  readonly #solids = new Map<string, Slot>();
  readonly #lost = new Map<string, Set<string>>();
  #phase: PhaseOf = () => 0;

  constructor(plan: TransactionPlan, context: SurveyContext) {
    this.#plan = plan;
    this.#context = context;
    this.#disk = context.disk;
    this.#now = new Walk((path) => this.#disk.look(path), this.#disk.root === '/');
    this.#end = this.#now;
    for (const [name, paths] of plan.lost) this.#lost.set(name, new Set(paths));
    this.#ground = new Ground(context.disk, { ...context, phase: (path) => this.#phase(path) });
  }

  run(): Survey {
    const slots = [...this.#plan.slots.values()].sort((a, b) => compareBytes(a.path, b.path));
    const { disk, input } = this.#context;
    const foresight = foresee(this.#plan, { disk, input, now: this.#now, slots });
    this.#end = foresight.walk;
    this.#transitions = foresight.transitions;
    this.#phase = phasePaths(this.#plan, { now: this.#now, end: this.#end });
    for (const slot of slots) {
      if (slot.entry.type === 'd') this.#directory(slot);
      else if (slot.lostTo === undefined) this.#solid(slot);
    }
    for (const [path, slot] of this.#solids) {
      const there = this.#ground.fresh(path)?.slot ?? this.#shared.get(path);
      if (there !== undefined)
        throw fileConflict(path, slot.by.name, there.by.name, 'a directory in one, not in the other');
    }
    const oldSolids = this.#oldSolids();
    const removals = this.#removals(oldSolids);
    const strangers = this.#strangers(oldSolids);
    const cleared = [...this.#transitions, ...this.#emptied(new Set(removals))];
    const under = (path: string): boolean =>
      cleared.some((top) => path === top || path.startsWith(`${top}/`));
    const placements = this.#placements();
    const gone = this.#gone().filter(({ at, isTaken }) => isTaken || !under(at));
    for (const path of [...removals, ...cleared, ...gone.map(({ at }) => at)])
      this.#ground.makeRoom(parentPath(path));
    return {
      areas: this.#ground.areas,
      directories: this.#ground.directories,
      shared: this.#shared,
      placements,
      cleared,
      removals: removals.filter((path) => !under(path)),
      gone,
      going: new Set([...removals, ...cleared]),
      prune: this.#prune().filter((path) => !under(path)),
      lost: this.#lost,
      strangers,
      phase: this.#phase,
    };
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
    this.#ground.home(at);
    const fresh = this.#ground.fresh(at);
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
    this.#lose(loser.by.name, loser.entry.path);
    this.#solids.set(at, winner);
  }

  // Nobody ships gtpkg's own state.
  #guard(slot: Slot, at: string, isDirectory: boolean): void {
    if (this.#isState(at) && !(isDirectory && at === this.#context.state.top))
      throw ownState(at, slot.by.name);
  }

  #isState(at: string): boolean {
    const { top } = this.#context.state;
    return at === top || at.startsWith(`${top}/`);
  }

  #placements(): Placement[] {
    const conffiles = new Map(this.#plan.conffiles.map((conffile) => [conffile.path as string, conffile]));
    const linked = new Set<string>();
    for (const { entry, by } of this.#plan.slots.values())
      if (entry.type === 'h') linked.add(`${by.name}/${entry.link ?? ''}`);
    return [...this.#solids].flatMap(([path, slot]): Placement[] => {
      const { staged, area, inTree } = this.#ground.staged(path as BytePath);
      const conffile = conffiles.get(slot.path);
      // deleted by the user together with its directory: it stays deleted
      if (inTree && conffile?.base !== undefined && !linked.has(`${slot.by.name}/${slot.entry.path}`))
        return [];
      return [{ slot, path: path as BytePath, staged, area, inTree, conffile }];
    });
  }

  // Where the leaving packages' solids are now.
  #oldSolids(): Map<string, BytePath> {
    const found = new Map<string, BytePath>();
    for (const path of this.#plan.oldSolids.keys()) {
      const at = quietly(this.#now, path);
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
        this.#solids.has(at) ||
        this.#ground.fresh(at) !== undefined ||
        at.startsWith(`${this.#context.state.top}/`);
      if (seen.kind !== 'absent' && seen.kind !== 'dir' && !isPlaced) found.add(at);
    };
    for (const [at, path] of oldSolids) {
      const slot = this.#plan.slots.get(path);
      if (going.has(path) || (slot !== undefined && slot.entry.type !== 'd' && slot.lostTo === undefined))
        consider(at as BytePath);
    }
    for (const path of this.#plan.removals) {
      if (this.#plan.oldSolids.has(path)) continue;
      const at = quietly(this.#now, path);
      if (at !== undefined) consider(at);
    }
    return [...found];
  }

  #gone(): GoneAt[] {
    return this.#plan.gone.flatMap((one) => {
      const at = quietly(this.#now, one.path);
      if (at !== undefined && this.#isState(at)) throw ownState(at, one.by.name);
      const isFile = at !== undefined && this.#disk.look(at).kind === 'other';
      const isFree = !this.#solids.has(at ?? '') && this.#ground.fresh(at ?? '') === undefined;
      return isFile && (one.isTaken || isFree) ? [{ ...one, at }] : [];
    });
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
      if (this.#ground.isFresh(at)) continue;
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
      eachShippedPath(this.#disk.root, pkg, (type, spelled) => {
        if (type === 'd') return;
        const path = input.diversions.place(spelled, pkg.name);
        if (!names.has(path.slice(path.lastIndexOf('/') + 1))) return;
        const at = quietly(this.#now, path);
        const slot = at === undefined || !strangers.has(at) ? undefined : this.#solids.get(at);
        if (at === undefined || slot === undefined) return;
        strangers.delete(at);
        if (settle(slot.by, contender(input.status, pkg.name), at) === slot.by) {
          this.#lose(pkg.name, spelled);
        } else {
          this.#lose(slot.by.name, slot.entry.path);
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
      if (this.#ground.isFresh(at) || this.#disk.look(at).kind !== 'dir') return [];
      const obstacle = firstLeft(this.#disk, at as BytePath, removals);
      if (obstacle === undefined) return [at as BytePath];
      throw obstructed(
        obstacle,
        `would be lost: ${slot.by.name} ${slot.by.version} has no directory at /${pathToText(at)} any more`,
        'Move it to another place, then run the command again. Nothing was changed.',
      );
    });
  }

  #prune(): BytePath[] {
    const found = this.#plan.prune.flatMap((path) => {
      const at = quietly(this.#now, path);
      if (at === undefined || this.#ground.isNeeded(at) || this.#disk.look(at).kind !== 'dir') return [];
      return this.#context.state.top === at || this.#context.state.top.startsWith(`${at}/`) ? [] : [at];
    });
    return found.sort((a, b) => compareBytes(b, a));
  }

  #lose(name: string, path: string): void {
    const paths = this.#lost.get(name);
    if (paths === undefined) this.#lost.set(name, new Set([path]));
    else paths.add(path);
  }
}

function ownState(at: string, name: string): GtpkgError {
  return fileConflict(at, name, 'gtpkg', "gtpkg's own state is there");
}
