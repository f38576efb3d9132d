/**
 * Where things are staged: on the file system where they will live, new directories as whole trees.
 *
 * Each file system has one staging area: under the state directory where that is on the same one, else in the topmost directory of
 * the file system. Directories are physical paths. Looks at the disk, changes nothing.
 */
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import type { Disk } from './disk.js';
import type { Slot } from './plan.js';
import type { StatePaths } from './state.js';

/** A staging directory; one on each file system that the transaction writes to. */
export interface Area {
  readonly path: BytePath;
  readonly device: number;
}

/** A directory that is not there yet. `staged` is where it is built; a top is renamed into place with all below it that is of its phase. */
export interface FreshDirectory {
  readonly path: BytePath;
  readonly staged: BytePath;
  readonly top: boolean;
  /** undefined when no package has it: it is only on the way */
  slot: Slot | undefined;
}

/** The phase in which a physical path comes; of a directory, the first in which something in it does. */
export type PhaseOf = (path: string) => number;

/** A directory as a place for new things. */
export interface Home {
  readonly area: Area;
  /** where it is built; undefined: it is there */
  readonly staged: BytePath | undefined;
}

export class Ground {
  readonly #disk: Disk;
  readonly #state: StatePaths;
  readonly #id: string;
  readonly #phase: PhaseOf;
  readonly #homes = new Map<string, Home>();
  readonly #areas = new Map<number, Area>();
  readonly #fresh = new Map<string, FreshDirectory>();
  readonly #roomy = new Set<string>();
  #counter = 0;

  /** @param options - `id` names the staging directories */
  constructor(
    disk: Disk,
    options: { readonly state: StatePaths; readonly id: string; readonly phase?: PhaseOf },
  ) {
    this.#disk = disk;
    this.#state = options.state;
    this.#id = options.id;
    this.#phase = options.phase ?? ((): number => 0);
    // our own state is written in every transaction, so its file system's area comes first
    const { staging } = options.state;
    this.#area(staging, disk.lstat(staging)?.dev ?? 0);
  }

  get areas(): readonly Area[] {
    return [...this.#areas.values()];
  }

  /** Parents before their children. */
  get directories(): readonly FreshDirectory[] {
    return [...this.#fresh.values()];
  }

  fresh(path: string): FreshDirectory | undefined {
    return this.#fresh.get(path);
  }

  /** True when `path` was asked for, or is on the way to one that was: it is needed in the end. */
  isNeeded(path: string): boolean {
    return this.#homes.has(path);
  }

  /** The directory, there or to be made, with all on the way to it. */
  home(path: BytePath): Home {
    const known = this.#homes.get(path);
    if (known !== undefined) return known;
    // what is in a directory that is to be made is not there
    const isFresh = this.#homes.get(parentPath(path))?.staged !== undefined;
    const stats = isFresh ? undefined : this.#disk.lstat(path);
    // a preview may look at a root that is not there yet
    const isThere = stats?.isDirectory() === true || path === '';
    const home = isThere ? { area: this.#area(path, stats?.dev ?? 0), staged: undefined } : this.#build(path);
    this.#homes.set(path, home);
    return home;
  }

  /** Where something for `path` is staged: inside its new directory, or by itself. */
  staged(path: BytePath): { readonly staged: BytePath; readonly area: Area; readonly inTree: boolean } {
    const parent = parentPath(path);
    const { area, staged } = this.home(parent);
    if (staged === undefined || this.#phase(path) !== this.#phase(parent))
      return { staged: this.#flat(area), area, inTree: false };
    return { staged: joinPath(staged, path.slice(path.lastIndexOf('/') + 1)), area, inTree: true };
  }

  /** Its directory is not there yet, so nothing stands in its place. */
  isFresh(path: string): boolean {
    return this.home(parentPath(path)).staged !== undefined;
  }

  /** Makes sure of an area for what is taken away from an existing directory. */
  makeRoom(directory: BytePath): void {
    if (this.#roomy.has(directory)) return;
    this.#roomy.add(directory);
    const stats = this.#disk.lstat(directory);
    if (stats !== undefined) this.#area(directory, stats.dev);
  }

  #build(path: BytePath): Home {
    const parent = this.home(parentPath(path));
    const isLater = this.#phase(path) !== this.#phase(parentPath(path));
    const top = parent.staged === undefined || isLater;
    const staged =
      parent.staged === undefined || isLater
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
    const made = { path: this.#areaPath(path, device), device };
    this.#areas.set(device, made);
    return made;
  }

  #areaPath(path: BytePath, device: number): BytePath {
    if (this.#disk.lstat(this.#state.staging)?.dev === device) return joinPath(this.#state.staging, this.#id);
    let top = path;
    while (top !== '' && this.#disk.lstat(parentPath(top))?.dev === device) top = parentPath(top);
    return joinPath(top, `.gtpkg-${this.#id}`);
  }
}
