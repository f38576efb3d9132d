/**
 * Decides what a transaction means for packages and paths. Pure: status, manifests and claims in, frozen data out;
 * what is on the disk is not looked at here (survey.ts does that).
 *
 * Words: an *incoming* package has a release to be installed; a *leaving* one is installed now and is removed or makes room
 * for another version; *kept* ones stay. A *solid* is every entry but a directory. A *slot* is one path that incoming
 * packages bring, with the one that gets it. Paths are logical here: as packages spell them.
 */
import { createHash } from 'node:crypto';
import { isSafePath, pathToText, type BytePath } from '../model/bytes.js';
import { isPackageName } from '../model/control.js';
import { GtpkgError } from '../model/errors.js';
import type { Sha256 } from '../model/ids.js';
import { manifestSize, type Manifest, type ManifestEntry } from '../model/manifest.js';
import { parseRelations } from '../model/relation.js';
import type { VerifiedRelease } from '../model/release.js';
import { compareVersions } from '../model/version.js';
import type { Claims } from './claims.js';
import { fileConflict, settle, type Contender } from './settle.js';
import type { InstalledPackage, RootStatus } from './status.js';

/** One thing that was asked for. */
export type TransactionStep =
  | {
      readonly kind: 'install';
      readonly release: VerifiedRelease;
      /** only because something needs it */
      readonly auto: boolean;
      readonly source: string;
      readonly suite: string;
    }
  | { readonly kind: 'remove'; readonly name: string; readonly purge: boolean }
  | { readonly kind: 'mark'; readonly name: string; readonly auto?: boolean; readonly held?: boolean };

export type ChangeAction = 'install' | 'upgrade' | 'downgrade' | 'reinstall' | 'remove' | 'purge' | 'mark';

/** What becomes of one package. */
export interface PackageChange {
  readonly name: string;
  readonly action: ChangeAction;
  readonly from: InstalledPackage | undefined;
  readonly to: InstalledPackage | undefined;
}

/** A package with a release to be installed. */
export interface Incoming extends Contender {
  readonly release: VerifiedRelease;
  readonly step: Extract<TransactionStep, { kind: 'install' }>;
  /** in the status now, whatever its state */
  readonly old: InstalledPackage | undefined;
}

/** One path of the incoming packages. */
export interface Slot {
  readonly path: BytePath;
  readonly entry: ManifestEntry;
  /** whose entry it is */
  readonly by: Incoming;
  /** the entry is a link and this package has a directory of that name */
  readonly directoryOf?: string;
  /** the entry is a directory and this kept package has a link of that name */
  readonly linkOf?: string;
  /** a kept package replaces the one that brings it: nothing is placed */
  readonly lostTo?: string;
}

/** A conffile of an incoming package that has a slot. */
export interface PlannedConffile {
  readonly path: BytePath;
  readonly by: Incoming;
  readonly entry: ManifestEntry;
  /** what the maintainer shipped last, when the path was known before */
  readonly base: Sha256 | undefined;
}

/** What a leaving package has now. */
export interface OldPath {
  readonly name: string;
  /** undefined for a conffile that its last version no longer shipped */
  readonly entry: ManifestEntry | undefined;
}

export interface TransactionPlan {
  readonly changes: readonly PackageChange[];
  readonly incoming: readonly Incoming[];
  readonly slots: ReadonlyMap<string, Slot>;
  /** solids of the leaving packages, whether something comes to the same path or not */
  readonly oldSolids: ReadonlyMap<string, OldPath>;
  readonly oldDirectories: ReadonlyMap<string, OldPath>;
  /** the solids that go */
  readonly removals: readonly BytePath[];
  /** the directories that go if they are empty then */
  readonly prune: readonly BytePath[];
  readonly conffiles: readonly PlannedConffile[];
  /** by package: paths that it loses, or does not get, to one that Replaces it */
  readonly lost: ReadonlyMap<string, ReadonlySet<string>>;
  /** bytes of the files that are written */
  readonly bytes: number;
}

export interface PlanInput {
  readonly status: RootStatus;
  readonly steps: readonly TransactionStep[];
  /** parsed manifests of the packages that `steps` removes or replaces */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** of the other installed packages, on every path of the incoming and of `manifests` */
  readonly claims: Claims;
}

/** What a new version of a conffile is called while the user's own stays, and the other way round. */
export const CONFFILE_NEW = '.gtpkg-new';
export const CONFFILE_OLD = '.gtpkg-old';

/** Names of the packages whose present files are replaced or removed. */
export function leavingNames(status: RootStatus, steps: readonly TransactionStep[]): ReadonlySet<string> {
  const names = steps.flatMap((step) =>
    step.kind === 'install' ? step.release.pin.name : step.kind === 'remove' ? step.name : [],
  );
  return new Set(names.filter((name) => status.has(name)));
}

/**
 * The plan of a transaction.
 * @throws GtpkgError FILE_CONFLICT, NOT_INSTALLED, USAGE (two steps for one package), MANIFEST_MALFORMED
 */
export function planTransaction(input: PlanInput): TransactionPlan {
  checkSteps(input);
  const incoming = incomingOf(input);
  const lost = new Map<string, Set<string>>();
  const lose = (name: string, path: string): void => {
    const paths = lost.get(name);
    if (paths === undefined) lost.set(name, new Set([path]));
    else paths.add(path);
  };
  const slots = fillSlots(incoming, lose);
  settleClaims(slots, input, lose);
  const old = oldPaths(input);
  const conffiles = conffilesOf(incoming, slots, input);
  const changes = changesOf(input, incoming, { slots, claims: input.claims });
  const kept = new Set<string>(
    changes.flatMap(({ to }) => to?.conffiles.map((conffile) => conffile.path) ?? []),
  );
  const removals: BytePath[] = [];
  for (const path of old.solids.keys()) {
    // a claim: the package that stays has it too, or has a directory where this is a link to one
    if (!slots.has(path) && !kept.has(path) && !input.claims.has(path)) removals.push(path as BytePath);
  }
  for (const { action, from } of changes) {
    if (action !== 'purge') continue;
    const ends = [CONFFILE_NEW, CONFFILE_OLD];
    const copies = (from?.conffiles ?? []).flatMap(({ path }) =>
      ends.map((end) => `${path}${end}` as BytePath),
    );
    removals.push(...copies.filter((path) => !slots.has(path) && !input.claims.has(path)));
  }
  const prune = [...old.directories.keys()].filter(
    (path) => !slots.has(path) && input.claims.get(path)?.some((claim) => claim.type === 'd') !== true,
  ) as BytePath[];
  let bytes = 0;
  for (const { release } of incoming) bytes += manifestSize(release.manifest);
  return {
    changes,
    incoming,
    slots,
    oldSolids: old.solids,
    oldDirectories: old.directories,
    removals,
    prune,
    conffiles,
    lost,
    bytes,
  };
}

function checkSteps({ status, steps }: PlanInput): void {
  const seen = new Set<string>();
  for (const step of steps) {
    const name = step.kind === 'install' ? step.release.pin.name : step.name;
    if (!isPackageName(name))
      throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" is not a package name`);
    if (step.kind !== 'mark') {
      if (seen.has(name)) throw new GtpkgError('USAGE', `${name} is to be changed twice in one transaction`);
      seen.add(name);
    }
    const there = status.get(name);
    const missing =
      (step.kind === 'remove' && (there === undefined || (there.state !== 'installed' && !step.purge))) ||
      (step.kind === 'mark' && there?.state !== 'installed' && !seen.has(name));
    if (missing) {
      throw new GtpkgError('NOT_INSTALLED', `${name} is not installed`, {
        hint: 'gtpkg list --installed shows what is.',
        data: { package: name },
      });
    }
  }
}

function incomingOf({ status, steps }: PlanInput): Incoming[] {
  return steps.flatMap((step, index): Incoming[] => {
    if (step.kind !== 'install') return [];
    const { name, version } = step.release.pin;
    const { replaces } = step.release.control.relations;
    return [
      { name, version, replaces, order: index + 1, release: step.release, step, old: status.get(name) },
    ];
  });
}

function fillSlots(
  incoming: readonly Incoming[],
  lose: (name: string, path: string) => void,
): Map<string, Slot> {
  const slots = new Map<string, Slot>();
  for (const by of incoming) {
    for (const entry of by.release.manifest) {
      const { path } = entry;
      if (!isSafePath(path))
        throw new GtpkgError('MANIFEST_MALFORMED', `${by.name}: the path ${pathToText(path)} is not safe`);
      const there = slots.get(path);
      const slot: Slot = { path, entry, by };
      if (there === undefined) slots.set(path, slot);
      else slots.set(path, meet(there, slot, lose));
    }
  }
  return slots;
}

// Two incoming packages bring one path.
function meet(one: Slot, other: Slot, lose: (name: string, path: string) => void): Slot {
  const [a, b] = [one.entry.type, other.entry.type];
  if (a === 'd' && b === 'd') return one;
  if (a === 'l' && b === 'd') return { ...one, directoryOf: other.by.name };
  if (a === 'd' && b === 'l') return { ...other, directoryOf: one.by.name };
  if (a === 'd' || b === 'd')
    throw fileConflict(one.path, other.by.name, one.by.name, 'a directory in one, not in the other');
  const winner = settle(one.by, other.by, one.path);
  lose(winner === one.by ? other.by.name : one.by.name, one.path);
  const slot = winner === one.by ? one : other;
  const directoryOf = one.directoryOf ?? other.directoryOf;
  if (directoryOf === undefined || slot.entry.type !== 'l') {
    if (directoryOf !== undefined)
      throw fileConflict(one.path, slot.by.name, directoryOf, 'a directory in one, not in the other');
    return slot;
  }
  return { ...slot, directoryOf };
}

function settleClaims(
  slots: Map<string, Slot>,
  { claims, status }: PlanInput,
  lose: (name: string, path: string) => void,
): void {
  for (const [path, holders] of claims) {
    for (const claim of holders) {
      const slot = slots.get(path);
      if (slot === undefined) break;
      const isDirectory = slot.entry.type === 'd';
      if (claim.type === 'd') {
        if (isDirectory) continue;
        if (slot.entry.type !== 'l')
          throw fileConflict(path, slot.by.name, claim.name, 'a directory in the other');
        slots.set(path, { ...slot, directoryOf: claim.name });
      } else if (isDirectory) {
        if (claim.type !== 'l') throw fileConflict(path, slot.by.name, claim.name, 'a directory in the one');
        slots.set(path, { ...slot, linkOf: claim.name });
      } else if (settle(slot.by, contender(status, claim.name), path) === slot.by) {
        lose(claim.name, path);
      } else {
        lose(slot.by.name, path);
        slots.set(path, { ...slot, lostTo: claim.name });
      }
    }
  }
}

/** An installed package as a contender for a path. */
export function contender(status: RootStatus, name: string): Contender {
  const pkg = status.get(name);
  const text = pkg?.fields.get('Replaces') ?? '';
  return { name, version: pkg?.version ?? '0', replaces: parseRelations(text, 'Replaces'), order: 0 };
}

function oldPaths({ status, steps, manifests }: PlanInput): {
  solids: Map<string, OldPath>;
  directories: Map<string, OldPath>;
} {
  const solids = new Map<string, OldPath>();
  const directories = new Map<string, OldPath>();
  for (const name of leavingNames(status, steps)) {
    const pkg = status.get(name);
    if (pkg === undefined) continue;
    const gone = new Set<string>(pkg.replaced);
    const conffiles = new Set<string>(pkg.conffiles.map((conffile) => conffile.path));
    for (const entry of manifests.get(name) ?? []) {
      if (gone.has(entry.path)) continue;
      if (entry.type === 'd') directories.set(entry.path, { name, entry });
      else if (pkg.state === 'installed' || conffiles.has(entry.path))
        solids.set(entry.path, { name, entry });
    }
    for (const path of conffiles) if (!solids.has(path)) solids.set(path, { name, entry: undefined });
  }
  return { solids, directories };
}

function conffilesOf(
  incoming: readonly Incoming[],
  slots: ReadonlyMap<string, Slot>,
  { status, manifests }: PlanInput,
): PlannedConffile[] {
  const known = new Map<string, Sha256>();
  for (const pkg of status.values()) for (const { path, sha256 } of pkg.conffiles) known.set(path, sha256);
  return incoming.flatMap((by) => {
    const own = new Map(by.old?.conffiles.map(({ path, sha256 }) => [path as string, sha256]));
    const before = new Map<string, Sha256>();
    // a plain file that became a conffile: what was shipped is known all the same
    if (by.old?.state === 'installed') {
      for (const { path, sha256 } of manifests.get(by.name) ?? [])
        if (sha256 !== undefined) before.set(path, sha256);
    }
    return by.release.conffiles.flatMap((text): PlannedConffile[] => {
      const path = text as BytePath;
      const slot = slots.get(path);
      if (slot?.by !== by || slot.entry.type !== 'f' || slot.lostTo !== undefined) return [];
      return [{ path, by, entry: slot.entry, base: own.get(path) ?? known.get(path) ?? before.get(path) }];
    });
  });
}

interface EndState {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly claims: Claims;
}

function changesOf(input: PlanInput, incoming: readonly Incoming[], end: EndState): PackageChange[] {
  const marks = input.steps.filter((step) => step.kind === 'mark');
  const marked = (pkg: InstalledPackage): InstalledPackage => {
    let { auto, held } = pkg;
    for (const mark of marks)
      if (mark.name === pkg.name) [auto, held] = [mark.auto ?? auto, mark.held ?? held];
    return auto === pkg.auto && held === pkg.held ? pkg : { ...pkg, auto, held };
  };
  const changes = input.steps.flatMap((step): PackageChange[] => {
    if (step.kind === 'install') {
      const by = incoming.find((one) => one.step === step);
      if (by === undefined) return [];
      return [{ name: by.name, action: installAction(by), from: by.old, to: marked(installed(by, end)) }];
    }
    if (step.kind === 'remove') {
      const from = input.status.get(step.name);
      if (from === undefined) return [];
      const to = step.purge ? undefined : configFiles(from, end);
      return [{ name: step.name, action: step.purge ? 'purge' : 'remove', from, to }];
    }
    return [];
  });
  const names = new Set(changes.map((change) => change.name));
  for (const name of new Set(marks.map((mark) => mark.name))) {
    const from = input.status.get(name);
    if (from === undefined || names.has(name) || marked(from) === from) continue;
    changes.push({ name, action: 'mark', from, to: marked(from) });
  }
  return changes;
}

function installAction({ old, version }: Incoming): ChangeAction {
  if (old?.state !== 'installed') return 'install';
  const order = compareVersions(version, old.version);
  return order > 0 ? 'upgrade' : order < 0 ? 'downgrade' : 'reinstall';
}

function installed(by: Incoming, end: EndState): InstalledPackage {
  const { pin, control, conffiles, manifest, scripts } = by.release;
  const paths = new Map(manifest.map((entry) => [entry.path as string, entry]));
  const shipped = new Set(conffiles);
  const current = conffiles.flatMap((path) => {
    const entry = paths.get(path);
    const slot = end.slots.get(path);
    if (entry?.sha256 === undefined || slot?.by !== by || slot.lostTo !== undefined) return [];
    return [{ path: entry.path, sha256: entry.sha256, obsolete: false }];
  });
  // what the user may have changed stays, although nobody ships it any more
  const obsolete = (by.old?.conffiles ?? []).flatMap(({ path, sha256 }) =>
    shipped.has(path) || taken(path, end) ? [] : [{ path, sha256, obsolete: true }],
  );
  return {
    name: pin.name,
    version: pin.version,
    architecture: pin.architecture,
    state: 'installed',
    pin,
    source: by.step.source,
    suite: by.step.suite,
    auto: by.step.auto,
    held: by.old?.held ?? false,
    conffiles: [...current, ...obsolete],
    replaced: [],
    manifest: createHash('sha256').update(by.release.manifestBytes).digest('hex') as Sha256,
    scriptsSkipped: scripts.size > 0,
    fields: control.fields,
  };
}

// Somebody else has the path in the end.
function taken(path: string, { slots, claims }: EndState): boolean {
  return slots.has(path) || claims.get(path)?.some((claim) => claim.type !== 'd') === true;
}

// As dpkg does, a package is forgotten at once when there is nothing for a later purge to do.
function configFiles(from: InstalledPackage, end: EndState): InstalledPackage | undefined {
  const conffiles = from.conffiles.filter(({ path }) => !taken(path, end));
  if (conffiles.length === 0) return undefined;
  return { ...from, state: 'config-files', conffiles, replaced: [], auto: false, held: false };
}
