/**
 * From a survey to the list of operations, once everything is staged. Looks at the disk again, because staging took its time:
 * what the user changed meanwhile counts.
 *
 * Order: permissions of directories · what has to make room · new directory trees · files and links · conffiles · what goes.
 * Each operation is atomic; until the commit all of them can be taken back.
 */
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import type { ManifestEntry } from '../model/manifest.js';
import { beside, type GoneDecisions } from './conffile-decisions.js';
import { CONFFILE_NEW, CONFFILE_OLD, type ConffileDecision, type ConffilePolicy } from './conffiles.js';
import type { Attributes, Disk } from './disk.js';
import { firstLeft } from './emptied.js';
import type { Operation } from './operations.js';
import type { Owners } from './owners.js';
import type { PlanInput, Slot, TransactionPlan } from './plan.js';
import type { FreshDirectory } from './ground.js';
import type { Placement, Survey } from './survey.js';
import { lateDiversions } from './late-diversions.js';
import { obstructed } from './walk.js';

export interface ComposeContext {
  readonly disk: Disk;
  readonly owners: Owners;
  readonly plan: TransactionPlan;
  readonly input: PlanInput;
  readonly survey: Survey;
  readonly policy: ConffilePolicy;
  /** by path: what the user said of a single conffile */
  readonly answers: Map<string, ConffilePolicy>;
}

/** Finds the operations of one phase after the other. */
export class Composer {
  readonly #context: ComposeContext;
  readonly #disk: Disk;
  readonly #placed: ReadonlySet<string>;
  readonly #cleared: ReadonlySet<string>;
  readonly #backups: string;
  readonly #live = new Set<string>();
  #counter = 0;

  constructor(context: ComposeContext) {
    this.#context = context;
    this.#disk = context.disk;
    this.#placed = new Set(context.survey.placements.map((placement) => placement.path));
    this.#cleared = new Set(context.survey.cleared);
    this.#backups = context.survey.areas[0]?.path ?? '';
  }

  /**
   * @param decisions - about the conffiles of the phase; `gone`: about those that are taken away
   * @throws GtpkgError ROOT_OBSTRUCTED when the root changed so that the survey no longer fits; the system's errors
   */
  compose(
    {
      decisions,
      gone,
    }: {
      readonly decisions: ReadonlyMap<Placement, ConffileDecision>;
      readonly gone: GoneDecisions;
    },
    phase: number,
  ): Operation[] {
    const { survey } = this.#context;
    const isDue = ({ path }: { readonly path: string }): boolean => survey.phase(path) === phase;
    const operations: Operation[] = [...this.#directoryChanges().filter(isDue)];
    // before anything comes to their places
    for (const [{ at, isTaken }, decision] of gone)
      if (isTaken && decision === 'aside') operations.push(...this.#save(at));
    for (const path of survey.cleared) {
      if (!isDue({ path })) continue;
      const left =
        this.#disk.look(path).kind === 'dir' ? firstLeft(this.#disk, path, survey.going) : undefined;
      if (left !== undefined) throw obstructed(left, 'came while the transaction was being prepared');
      operations.push(this.#remove(path));
    }
    for (const directory of survey.directories) {
      if (!isDue(directory) || !isRoot(directory, this.#live)) continue;
      if (this.#isLive(directory.path)) {
        this.#live.add(directory.path);
        continue;
      }
      operations.push({ kind: 'place', staged: directory.staged, path: directory.path });
      operations.push(...this.#finalMode(directory));
    }
    const late = lateDiversions(this.#context, {
      isDue,
      inTree: (placement) => this.#inTree(placement),
      spare: () => `l${this.#counter++}`,
    });
    operations.push(...late.gone.map((path) => this.#remove(path)));
    for (const planned of survey.placements.filter(isDue)) {
      const placement = late.placement(planned);
      const decision = decisions.get(planned);
      if (decision !== undefined) operations.push(...this.#conffile(placement, decision));
      else if (!this.#inTree(placement)) operations.push(this.#put(placement.staged, placement.path));
    }
    for (const path of survey.removals) if (isDue({ path })) operations.push(this.#remove(path));
    for (const [{ at, isTaken }, decision] of gone) {
      if (isTaken) continue;
      const saved = decision === 'aside' ? this.#save(at) : [];
      // a name that is too long for its copy: the user's work does not go
      if (decision === 'remove' || saved.length > 0) operations.push(...saved, this.#remove(at));
    }
    return operations;
  }

  // Made since the survey, by a script: what was to come as a tree comes into it piece by piece.
  #isLive(path: BytePath): boolean {
    return !this.#cleared.has(path) && this.#disk.look(path).kind === 'dir';
  }

  #inTree({ path, inTree }: Placement): boolean {
    return inTree && !this.#live.has(parentPath(path));
  }

  #directoryChanges(): Operation[] {
    const { plan, input, survey, owners } = this.#context;
    return [...survey.shared].flatMap(([path, slot]): Operation[] => {
      const oldEntry = ownDirectory(plan, input, slot);
      const stats = this.#disk.lstat(path);
      if (oldEntry === undefined || stats === undefined) return [];
      const now: Attributes = { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
      const [before, after] = [owners.attributes(oldEntry), owners.attributes(slot.entry)];
      // three-way: only what the administrator left as it was follows the package
      const wanted: Attributes = {
        mode: now.mode === before.mode ? after.mode : now.mode,
        uid: now.uid === before.uid ? after.uid : now.uid,
        gid: now.gid === before.gid ? after.gid : now.gid,
      };
      const isSame =
        wanted.mode === now.mode &&
        (!this.#disk.asRoot || (wanted.uid === now.uid && wanted.gid === now.gid));
      return isSame ? [] : [{ kind: 'attributes', path, before: now, after: wanted }];
    });
  }

  // Without root rights a directory is staged writable, or it could not be moved.
  #finalMode({ path, slot }: FreshDirectory): Operation[] {
    if (this.#disk.asRoot || slot === undefined || (slot.entry.mode & 0o200) !== 0) return [];
    const after = this.#context.owners.attributes(slot.entry);
    return [{ kind: 'attributes', path, before: { ...after, mode: after.mode | 0o200 }, after }];
  }

  #put(staged: string, path: BytePath): Operation {
    const stats = this.#cleared.has(path) ? undefined : this.#disk.lstat(path);
    if (stats === undefined) return { kind: 'place', staged, path };
    if (stats.isDirectory())
      throw obstructed(path, 'became a directory while the transaction was being prepared');
    return { kind: 'replace', staged, path, backup: this.#backup(staged) };
  }

  #remove(path: BytePath): Operation {
    return { kind: 'remove', path, backup: this.#backup(this.#areaOf(path)) };
  }

  #conffile(placement: Placement, decision: ConffileDecision): Operation[] {
    const { staged, path } = placement;
    if (this.#inTree(placement)) {
      // staged only because other names are links to it
      if (decision === 'absent') this.#disk.unlink(staged);
      return [];
    }
    switch (decision) {
      case 'absent':
      case 'keep':
        return [];
      case 'identical':
        return this.#dropBeside(path);
      case 'place':
        return [this.#put(staged, path)];
      case 'replace':
        this.#keepAttributes(placement);
        return [...this.#dropBeside(path), this.#put(staged, path)];
      case 'keep-beside':
        return this.#freeBeside(path, CONFFILE_NEW).map((free) => this.#put(staged, free));
      case 'replace-beside': {
        this.#keepAttributes(placement);
        return [...this.#save(path), this.#put(staged, path)];
      }
    }
  }

  #save(path: BytePath): Operation[] {
    return this.#freeBeside(path, CONFFILE_OLD).flatMap((copy): Operation[] => [
      ...(this.#disk.exists(copy) ? [this.#remove(copy)] : []),
      { kind: 'save', path, copy },
    ]);
  }

  // The name beside a conffile, unless it is too long, a directory, or another package's.
  #freeBeside(path: BytePath, end: string): BytePath[] {
    const name = beside(path, end);
    return name === undefined || this.#placed.has(name) || this.#disk.look(name).kind === 'dir' ? [] : [name];
  }

  #dropBeside(path: BytePath): Operation[] {
    return this.#freeBeside(path, CONFFILE_NEW).flatMap((name) =>
      this.#disk.exists(name) ? [this.#remove(name)] : [],
    );
  }

  // The user's permissions stay with the file where he changed them, as with dpkg.
  #keepAttributes({ slot, path, staged }: Placement): void {
    const { plan, owners } = this.#context;
    const stats = this.#disk.lstat(path);
    if (stats === undefined) return;
    const last = plan.oldSolids.get(slot.path)?.entry;
    const base = last === undefined ? undefined : owners.attributes(last);
    const next = owners.attributes(slot.entry);
    // those that it was staged with: chown would clear some
    const names = slot.entry.xattrs?.map(({ name }) => name);
    const own = names && this.#disk.xattrs(staged, names)?.filter(({ value }) => value !== null);
    this.#disk.setAttributes(staged, {
      mode: base !== undefined && base.mode === (stats.mode & 0o7777) ? next.mode : stats.mode & 0o7777,
      uid: base?.uid === stats.uid ? next.uid : stats.uid,
      gid: base?.gid === stats.gid ? next.gid : stats.gid,
      mtime: next.mtime,
      xattrs: own,
    });
  }

  // On the same file system as `near`, which is a staged path or an area.
  #backup(near: string): string {
    const area = this.#context.survey.areas.find(({ path }) => near === path || near.startsWith(`${path}/`));
    return joinPath(area?.path ?? this.#backups, `b${this.#counter++}`);
  }

  #areaOf(path: BytePath): string {
    const device = this.#disk.lstat(path.slice(0, Math.max(0, path.lastIndexOf('/'))))?.dev;
    return this.#context.survey.areas.find((area) => area.device === device)?.path ?? this.#backups;
  }
}

// It is placed as a whole: a top, or inside a directory that was to be one and came to be there meanwhile.
function isRoot({ top, path }: FreshDirectory, live: ReadonlySet<string>): boolean {
  return top || live.has(parentPath(path));
}

// The old entry of a directory that only this package has, when its attributes may follow the new one.
function ownDirectory(plan: TransactionPlan, input: PlanInput, slot: Slot): ManifestEntry | undefined {
  const old = plan.oldDirectories.get(slot.path);
  if (old?.name !== slot.by.name) return undefined;
  return input.claims.get(slot.path)?.some(({ type }) => type === 'd') === true ? undefined : old.entry;
}
