/**
 * What a resolver is asked: verified facts in, nothing read from outside.
 *
 * A problem is plain data. The same facts in any order give the same resolution, byte for byte.
 */
import type { Candidate, Universe } from '../model/universe.js';

/** One package that is in the root now. */
export interface Installed {
  readonly candidate: Candidate;
  /** the user asked for it; only packages that came as dependencies may be removed unasked */
  readonly manual: boolean;
  /** neither changed nor removed until the user lifts the hold */
  readonly held: boolean;
}

/** One package the user names: `NAME`, `NAME=VERSION`, `NAME/SUITE`, or a file. */
export interface Target {
  readonly name: string;
  /** exactly this version; the only wish that may go down to an older one */
  readonly version?: string;
  /** only releases of this suite */
  readonly suite?: string;
  /** only releases from this source */
  readonly source?: string;
  /** exactly this release, from a file: it need not be in the universe */
  readonly candidate?: Candidate;
}

/** Adds packages, or moves them to the newest allowed release. */
export interface InstallRequest {
  readonly kind: 'install';
  readonly targets: readonly Target[];
  /** take what new packages recommend, where it can be had */
  readonly recommends: boolean;
  /** false: the named packages only; no dependency is looked at and nothing else changes */
  readonly dependencies: boolean;
}

/** Moves installed packages to newer releases. */
export interface UpgradeRequest {
  readonly kind: 'upgrade';
  /** absent: every installed package */
  readonly names?: readonly string[];
  /** true: may add packages, and remove those that came as dependencies */
  readonly full: boolean;
  /** with `full`: take what upgraded packages newly recommend */
  readonly recommends: boolean;
  /** false: no dependency is looked at (default true) */
  readonly dependencies?: boolean;
}

/** Takes packages away; what needs them goes too, unless the user installed it. */
export interface RemoveRequest {
  readonly kind: 'remove';
  readonly names: readonly string[];
  /** also the configuration files */
  readonly purge: boolean;
  /** the user insists on removing essential packages (default false) */
  readonly essential?: boolean;
}

/** Takes away what came as a dependency and is no longer needed. */
export interface AutoremoveRequest {
  readonly kind: 'autoremove';
  readonly purge?: boolean;
}

export type Request = InstallRequest | UpgradeRequest | RemoveRequest | AutoremoveRequest;

/**
 * How much the user wants a release, in the numbers of apt_preferences(5): below 0 never, below 100 only where
 * nothing is installed, 1000 and above even if that is a downgrade. Higher priority goes before higher version.
 */
export interface Policy {
  priority(candidate: Candidate): number;
  /**
   * Whether what `owner` needs may be taken from `candidate`; absent: always. What is installed, comes from a file or
   * is asked for by name is not asked about.
   */
  allows?(owner: Candidate, candidate: Candidate): boolean;
}

/** The question. */
export interface Problem {
  readonly universe: Universe;
  readonly installed: readonly Installed[];
  readonly request: Request;
  /** Debian name of the native architecture */
  readonly architecture: string;
  /**
   * Architectures that the root takes besides, as `dpkg --add-architecture` has it (default none); releases for any other
   * but `all` are not looked at. Their packages are named `NAME:ARCH` in requests and plans.
   */
  readonly foreign?: readonly string[];
  /** absent: every release 500, what is only installed 100, as apt has it */
  readonly policy?: Policy;
}
