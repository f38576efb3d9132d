/**
 * What a request means: which releases are out of the question, what must be there, what is preferred.
 *
 * Words: a *wish* is what the user said about one name; a release that the request rules out before any search
 * is *excluded*, for one reason that an explanation can name; a *requirement* is a name of which some
 * release must be there.
 */
import { compareBytes } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Candidate } from '../model/universe.js';
import { compareVersions } from '../model/version.js';
import { Pool } from './pool.js';
import type { Installed, Problem, Target } from './problem.js';

/** Why a release is out of the question. */
export type Exclusion = 'removed' | 'held' | 'wish' | 'downgrade' | 'new' | 'untouched' | 'pinned';

/** Why a package that nobody named must stay. */
export type KeepReason = 'held' | 'manual' | 'essential' | 'unasked';

/** What the user said about one name. */
export interface Wish {
  readonly name: string;
  readonly targets: readonly Target[];
  /** the releases that these words mean, best first */
  readonly meant: readonly Candidate[];
  /** the words name one version, so that going down to it is asked for */
  readonly exact: boolean;
}

/** A name of which some release must be there. */
export type Requirement =
  | { readonly kind: 'asked'; readonly wish: Wish }
  | { readonly kind: 'kept'; readonly installed: Installed; readonly why: KeepReason };

/** How far a removal may go: only take away, or also change and add so that manual packages can stay. */
export type Reach = 'narrow' | 'wide';

const DOWNGRADE_PRIORITY = 1000;

/** One request, ready to be searched. Throws what `readWishes` throws. */
export class Rules {
  readonly pool: Pool;
  readonly problem: Problem;
  readonly wishes: ReadonlyMap<string, Wish>;
  readonly removed: ReadonlySet<string>;
  readonly #reach: Reach;
  readonly #exclusions = new Map<Candidate, Exclusion | undefined>();

  constructor(problem: Problem, reach: Reach = 'wide') {
    this.problem = problem;
    this.pool = new Pool(problem);
    this.#reach = reach;
    const { request } = problem;
    this.wishes = readWishes(this.pool, request.kind === 'install' ? request.targets : []);
    this.removed = new Set(request.kind === 'remove' ? request.names : []);
    const named =
      request.kind === 'remove' ? request.names : request.kind === 'upgrade' ? (request.names ?? []) : [];
    const missing = named.filter((name) => this.pool.installed(name) === undefined).sort(compareBytes);
    if (missing.length > 0) {
      throw new GtpkgError(
        'NOT_INSTALLED',
        `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not installed`,
        {
          hint: 'Run gtpkg list --installed to see what is.',
          data: { names: missing },
        },
      );
    }
  }

  /** False where the user asked to look at no dependency. */
  get dependencies(): boolean {
    const { request } = this.problem;
    return request.kind === 'remove' || request.kind === 'autoremove' || request.dependencies !== false;
  }

  /** Whether recommended packages are wanted. */
  get recommends(): boolean {
    const { request } = this.problem;
    if (!this.dependencies) return false;
    return request.kind === 'install'
      ? request.recommends
      : request.kind === 'upgrade' && request.full && request.recommends;
  }

  /** Why this release is out of the question, if it is. */
  exclusion(candidate: Candidate): Exclusion | undefined {
    const known = this.#exclusions.get(candidate);
    if (known !== undefined || this.#exclusions.has(candidate)) return known;
    const found = this.#exclude(candidate);
    this.#exclusions.set(candidate, found);
    return found;
  }

  #exclude(candidate: Candidate): Exclusion | undefined {
    const { name } = candidate;
    const installed = this.pool.installed(name);
    const present = installed?.candidate;
    const { request } = this.problem;
    if (this.removed.has(name)) return 'removed';
    if (installed?.held === true && candidate !== present) return 'held';
    const wish = this.wishes.get(name);
    if (wish !== undefined && !wish.meant.includes(candidate)) return 'wish';
    if (candidate === present) return undefined;
    const priority = this.pool.priority(candidate);
    if (priority < 0 && wish?.exact !== true) return 'pinned';
    if (present === undefined) {
      const closed =
        (request.kind === 'upgrade' && !request.full) ||
        (request.kind === 'remove' && this.#reach === 'narrow') ||
        (!this.dependencies && wish === undefined);
      return closed ? 'new' : undefined;
    }
    const downgrade = compareVersions(candidate.version, present.version) < 0;
    if (downgrade && wish?.exact !== true && priority < DOWNGRADE_PRIORITY) return 'downgrade';
    if (request.kind === 'remove' && this.#reach === 'narrow') return 'untouched';
    if (!this.dependencies && wish === undefined && !this.#wanted(name)) return 'untouched';
    return undefined;
  }

  /** Whether `owner` may not take what it needs from here, because that is another source's. */
  closed(owner: Candidate, candidate: Candidate): boolean {
    const { policy } = this.problem;
    return (
      policy?.allows?.(owner, candidate) === false &&
      this.pool.installed(candidate.name)?.candidate !== candidate &&
      !this.wishes.has(candidate.name)
    );
  }

  /** Whether anything can be closed. */
  get guarded(): boolean {
    return this.problem.policy?.allows !== undefined;
  }

  /** Releases of a name that the search may choose, best first. */
  usable(name: string): readonly Candidate[] {
    return this.pool.named(name).filter((candidate) => this.exclusion(candidate) === undefined);
  }

  #wanted(name: string): boolean {
    const { request } = this.problem;
    return request.kind === 'upgrade' && (request.names === undefined || request.names.includes(name));
  }

  /** What must be there, in a fixed order. */
  requirements(): Requirement[] {
    const list: Requirement[] = [...this.wishes.values()].map((wish) => ({ kind: 'asked', wish }));
    for (const installed of this.pool.allInstalled()) {
      if (this.wishes.has(installed.candidate.name)) continue;
      const why = this.#keepReason(installed);
      if (why !== undefined) list.push({ kind: 'kept', installed, why });
    }
    return list;
  }

  #keepReason(installed: Installed): KeepReason | undefined {
    const { name, essential } = installed.candidate;
    const { request } = this.problem;
    if (installed.held) return 'held';
    if (essential && !(this.removed.has(name) && request.kind === 'remove' && request.essential === true))
      return 'essential';
    if (this.removed.has(name)) return undefined;
    if (installed.manual) return 'manual';
    if ((request.kind === 'upgrade' && !request.full) || !this.dependencies) return 'unasked';
    return undefined;
  }

  /**
   * Installed packages that the request wants newer and that could be, those that the user installed first. One that no
   * source has newer is not among them: that it stays must not keep others from being upgraded.
   */
  upgrades(): Installed[] {
    return this.wanted().filter(({ candidate }) => this.usable(candidate.name)[0] !== candidate);
  }

  /** Installed packages that the request wants newer, could they be, those that the user installed first. */
  wanted(): Installed[] {
    return this.pool
      .allInstalled()
      .filter((installed) => this.#wanted(installed.candidate.name))
      .sort((a, b) => Number(b.manual) - Number(a.manual));
  }
}

function readWishes(pool: Pool, targets: readonly Target[]): ReadonlyMap<string, Wish> {
  const byName = new Map<string, Target[]>();
  for (const target of targets) {
    const name = target.candidate?.name ?? realName(pool, target);
    const list = byName.get(name) ?? [];
    list.push({ ...target, name });
    byName.set(name, list);
  }
  const wishes = new Map<string, Wish>();
  for (const name of [...byName.keys()].sort(compareBytes)) {
    const all = (byName.get(name) ?? []).sort((a, b) => compareBytes(label(a), label(b)));
    let meant = pool.named(name);
    for (const target of all) {
      const these = meantBy(pool, target);
      meant = meant.filter((candidate) => these.includes(candidate));
    }
    const exact = all.some((target) => target.version !== undefined || target.candidate !== undefined);
    wishes.set(name, { name, targets: all, meant, exact });
  }
  return wishes;
}

/** A target as the user would type it. */
export function label(target: Target): string {
  const version = target.candidate?.version ?? target.version;
  const from = target.suite ?? target.source;
  return `${target.name}${version === undefined ? '' : `=${version}`}${from === undefined ? '' : `/${from}`}`;
}

// A name that only others provide stands for its provider where there is one.
function realName(pool: Pool, target: Target): string {
  const [here] = [target.name, ...pool.instances(target.name)].filter((name) => pool.named(name).length > 0);
  // as apt has it: where only another architecture has the name, that is meant
  if (here !== undefined && (here === target.name || !target.name.includes(':'))) return here;
  const providers = [...new Set(pool.providers(target.name).map((candidate) => candidate.name))];
  const present = providers.filter((name) => pool.installed(name) !== undefined);
  const [only, ...others] = present.length > 0 ? present : providers;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined) {
    throw new GtpkgError('PACKAGE_NOT_FOUND', `No source has a package named ${target.name}`, {
      hint: 'Run gtpkg update, or gtpkg search for a part of the name.',
      data: { name: target.name },
    });
  }
  throw new GtpkgError('PACKAGE_NOT_FOUND', `${target.name} is provided by several packages`, {
    hint: `Choose one of: ${providers.slice(0, 10).join(', ')}${providers.length > 10 ? ', …' : ''}.`,
    data: { name: target.name, providers },
  });
}

function meantBy(pool: Pool, target: Target): readonly Candidate[] {
  if (target.candidate !== undefined) return [target.candidate];
  const all = pool.named(target.name);
  const here = all.filter((candidate) =>
    [candidate, ...pool.twins(candidate)].some(
      (twin) =>
        (target.suite === undefined || twin.suite === target.suite) &&
        (target.source === undefined || twin.source === target.source),
    ),
  );
  const { version } = target;
  const exactly = here.filter((candidate) => candidate.version === version);
  const found =
    version === undefined
      ? here
      : exactly.length > 0
        ? exactly
        : here.filter((candidate) => compareVersions(candidate.version, version) === 0);
  if (found.length > 0) return found;
  const versions = all.map((candidate) => candidate.version);
  throw new GtpkgError('VERSION_NOT_FOUND', `No source has ${label(target)}`, {
    hint: `There is ${versions.slice(0, 10).join(', ')}.`,
    data: { name: target.name, wanted: label(target), versions },
  });
}
