/**
 * Decides what a transaction means for packages and paths. Pure: status, manifests and claims in, frozen data out;
 * what is on the disk is not looked at here (survey.ts does that).
 *
 * Words: an *incoming* package has a release to be installed; a *leaving* one is installed now and is removed or makes room
 * for another version; *kept* ones stay. A *solid* is every entry but a directory. A *slot* is one path that incoming
 * packages bring, with the one that gets it. Paths are logical here: as packages spell them.
 */
import type { BytePath } from '../model/bytes.js';
import { isPackageName } from '../model/control.js';
import { GtpkgError } from '../model/errors.js';
import type { Sha256 } from '../model/ids.js';
import { manifestSize, type Manifest, type ManifestEntry } from '../model/manifest.js';
import type { DeltaRef, VerifiedRelease } from '../model/release.js';
import type { Claims } from './claims.js';
import { changesOf } from './changes.js';
import { phasesOf, type Phases } from './phases.js';
import { conffilesOf, copiesOfPurged } from './plan-conffiles.js';
import type { Diversions } from './diversions.js';
import type { Contender } from './settle.js';
import { fillSlots, settleClaims, settleDropped } from './slots.js';
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
      /** the delta that it comes as */
      readonly via?: Pick<DeltaRef, 'from' | 'core'> | undefined;
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

/** A path that two packages have, whose one is expected to divert the other's before it comes. */
export interface ExpectedDiversion {
  readonly slot: Slot;
  /** the installed package, and the path as that spells it */
  readonly other: string;
  readonly spelled: BytePath;
}

/** One path of the incoming packages. */
export interface Slot {
  /** where it is to lie: as `entry.path`, or where that was diverted to */
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

/** A conffile that goes when an incoming package comes (`remove-on-upgrade`), unless somebody else has it; or whose place a file or a directory takes that is no conffile. */
export interface GoneConffile {
  readonly path: BytePath;
  readonly by: Incoming;
  /** something else comes to its place */
  readonly isTaken: boolean;
  /** what was shipped last, where that is known */
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
  readonly gone: readonly GoneConffile[];
  /** by package: paths that it loses, or does not get, to one that Replaces it */
  readonly lost: ReadonlyMap<string, ReadonlySet<string>>;
  /** to be seen to when scripts have run */
  readonly expected: readonly ExpectedDiversion[];
  /** bytes of the files that are written */
  readonly bytes: number;
  readonly phases: Phases;
}

export interface PlanInput {
  readonly status: RootStatus;
  readonly steps: readonly TransactionStep[];
  /** parsed manifests of the packages that `steps` removes or replaces */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** of the other installed packages, on every path of the incoming and of `manifests` */
  readonly claims: Claims;
  /** what dpkg-divert laid down until now */
  readonly diversions: Diversions;
  /** maintainer scripts are run in this transaction */
  readonly runsScripts?: boolean;
  /** the root has no shell yet: its packages come at once, whatever they Pre-Depend on */
  readonly fromNothing?: boolean;
  /** installed packages with a postrm: a purge has something to do even where they leave no conffiles */
  readonly postrm?: ReadonlySet<string>;
}

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
  const slots = fillSlots(incoming, input, lose);
  const expected: ExpectedDiversion[] = [];
  settleClaims(slots, input, { lose, expect: (one) => expected.push(one) });
  settleDropped(slots, incoming, input);
  const old = oldPaths(input);
  const { conffiles, gone } = conffilesOf(incoming, slots, input);
  const changes = changesOf(input, incoming, { slots, claims: input.claims });
  const kept = new Set<string>(
    changes.flatMap(
      ({ name, to }) => to?.conffiles.map(({ path }) => input.diversions.place(path, name)) ?? [],
    ),
  );
  // what became of these is seen on the disk
  for (const { path, isTaken } of gone) if (!isTaken) kept.add(path);
  const removals: BytePath[] = [];
  for (const path of old.solids.keys()) {
    // a claim: the package that stays has it too, or has a directory where this is a link to one
    if (!slots.has(path) && !kept.has(path) && !input.claims.has(path)) removals.push(path as BytePath);
  }
  removals.push(...copiesOfPurged(changes, input).filter((path) => !slots.has(path)));
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
    gone,
    lost,
    expected,
    bytes,
    phases:
      input.runsScripts === true && input.fromNothing !== true ? phasesOf(incoming, input.status) : new Map(),
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

function oldPaths({ status, steps, manifests, diversions }: PlanInput): {
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
        solids.set(diversions.place(entry.path, name), { name, entry });
    }
    for (const spelled of conffiles) {
      const path = diversions.place(spelled as BytePath, name);
      if (!solids.has(path)) solids.set(path, { name, entry: undefined });
    }
  }
  return { solids, directories };
}
