/**
 * From a survey to the list of operations, once everything is staged. Looks at the disk again, because staging took its time:
 * what the user changed meanwhile counts.
 *
 * Order: permissions of directories · what has to make room · new directory trees · files and links · conffiles · what goes.
 * Each operation is atomic; until the commit all of them can be taken back.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { joinPath, parentPath, pathToText, type BytePath } from '../model/bytes.js';
import type { Sha256 } from '../model/ids.js';
import { MAX_NAME } from '../model/limits.js';
import type { ManifestEntry } from '../model/manifest.js';
import {
  decideConffile,
  type ConffileDecision,
  type ConffileFacts,
  type ConffilePolicy,
} from './conffiles.js';
import type { Attributes, Disk } from './disk.js';
import { firstLeft } from './emptied.js';
import type { Operation } from './operations.js';
import type { Owners } from './owners.js';
import { CONFFILE_NEW, CONFFILE_OLD, type PlanInput, type Slot, type TransactionPlan } from './plan.js';
import type { FreshDirectory } from './ground.js';
import type { Placement, Survey } from './survey.js';
import { lateDiversions } from './late-diversions.js';
import { obstructed } from './walk.js';

/** A conffile that the user changed and that changed in the package too. */
export interface KeptConffile {
  readonly package: string;
  readonly path: string;
  /** the user's version is in place, the new one is at `other` (or the reverse); undefined: the name would be too long */
  readonly kept: 'user' | 'new';
  readonly other: string | undefined;
}

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

/** SHA-256 of a regular file below the root; `absent` or `special` for anything else. Never follows a link, never blocks on a fifo. */
export async function digestOnDisk(disk: Disk, path: string): Promise<Sha256 | 'absent' | 'special'> {
  const stats = disk.lstat(path);
  if (stats === undefined) return 'absent';
  if (!stats.isFile()) return 'special';
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const hash = createHash('sha256');
  const flags = (O_RDONLY | O_NOFOLLOW | O_NONBLOCK) as unknown as string;
  for await (const chunk of createReadStream(disk.at(path), { flags })) hash.update(chunk as Buffer);
  return hash.digest('hex') as Sha256;
}

/**
 * What is to be done about each conffile, as things are on the disk now.
 * @param phase - of those that come in it; default: of all
 */
export async function conffileDecisions(
  context: ComposeContext,
  phase?: number,
): Promise<ReadonlyMap<Placement, ConffileDecision>> {
  const decisions = new Map<Placement, ConffileDecision>();
  for (const placement of context.survey.placements) {
    const { conffile } = placement;
    if (conffile?.entry.sha256 === undefined) continue;
    if (phase !== undefined && context.survey.phase(placement.path) !== phase) continue;
    const isTree = placement.inTree && !context.disk.exists(parentPath(placement.path));
    const current: ConffileFacts['current'] = isTree
      ? 'absent'
      : await digestOnDisk(context.disk, placement.path);
    decisions.set(
      placement,
      decideConffile(
        { base: conffile.base, dist: conffile.entry.sha256, current },
        context.answers.get(placement.path) ?? context.policy,
      ),
    );
  }
  return decisions;
}

/** The conffiles that both sides changed, for the report. */
export function keptConffiles(decisions: ReadonlyMap<Placement, ConffileDecision>): KeptConffile[] {
  return [...decisions].flatMap(([{ path, slot }, decision]): KeptConffile[] => {
    if (decision !== 'keep-beside' && decision !== 'replace-beside') return [];
    const kept = decision === 'keep-beside' ? 'user' : 'new';
    const other = beside(path, kept === 'user' ? CONFFILE_NEW : CONFFILE_OLD);
    return [
      { package: slot.by.name, path: `/${pathToText(path)}`, kept, other: other && `/${pathToText(other)}` },
    ];
  });
}

function beside(path: string, end: string): BytePath | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.length + end.length > MAX_NAME ? undefined : (`${path}${end}` as BytePath);
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
   * @param decisions - about the conffiles of the phase
   * @throws GtpkgError ROOT_OBSTRUCTED when the root changed so that the survey no longer fits; the system's errors
   */
  compose(decisions: ReadonlyMap<Placement, ConffileDecision>, phase: number): Operation[] {
    const { survey } = this.#context;
    const isDue = ({ path }: { readonly path: string }): boolean => survey.phase(path) === phase;
    const operations: Operation[] = [...this.#directoryChanges().filter(isDue)];
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
        const saved = this.#freeBeside(path, CONFFILE_OLD).flatMap((copy): Operation[] => [
          ...(this.#disk.exists(copy) ? [this.#remove(copy)] : []),
          { kind: 'save', path, copy },
        ]);
        return [...saved, this.#put(staged, path)];
      }
    }
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
