/**
 * `gtpkg resolve`: what would be done, on plain Debian files. Reads them and nothing else; changes nothing.
 */
import { isArchitecture } from '../../model/control.js';
import { GtpkgError } from '../../model/errors.js';
import type { Candidate } from '../../model/universe.js';
import { packageOf } from '../../resolver/architectures.js';
import type { Installed, Plan, Request } from '../../resolver/index.js';
import { growHeapBy, optimizeAfter } from '../optimizing.js';
import {
  openPackages,
  readExtendedStates,
  readStatusFile,
  unite,
  type NamedUniverse,
} from './resolve-files.js';

/** What is asked of which files. */
export interface ResolveOptions {
  /** Packages files; of equal versions, the first file that has one wins */
  readonly packages: readonly string[];
  /** dpkg's status file; absent: nothing is installed */
  readonly status: string | undefined;
  /** apt's extended_states */
  readonly extendedStates: string | undefined;
  readonly architecture: string;
  /** as `dpkg --add-architecture`; those of what is installed are among them */
  readonly foreign: readonly string[];
  readonly recommends: boolean;
  readonly full: boolean;
  readonly purge: boolean;
  /** the action and its packages */
  readonly words: readonly string[];
}

/** One line of the answer. */
export interface ResolvedStep {
  readonly name: string;
  /** the one that will be there, or that goes */
  readonly version: string;
  readonly architecture: string;
  readonly action: 'install' | 'upgrade' | 'downgrade' | 'reinstall' | 'remove';
  readonly from: string | null;
  /** the file that has it */
  readonly source: string | null;
  readonly auto: boolean;
  readonly reason: string;
}

/** What would be done, in that order. */
export interface ResolvedPlan {
  readonly kind: 'plan';
  readonly steps: readonly ResolvedStep[];
  readonly heldBack: readonly {
    readonly name: string;
    readonly installed: string;
    readonly available: string;
    readonly reason: string;
  }[];
  readonly autoremovable: readonly string[];
  /** dependencies that were broken before and stay so */
  readonly unmet: readonly { readonly name: string; readonly version: string; readonly relation: string }[];
  /** recommended by what is new, and not to be had together with the rest */
  readonly missed: readonly { readonly name: string; readonly version: string; readonly relation: string }[];
  /** bytes */
  readonly downloadSize: number;
  /** bytes on disk */
  readonly sizeChange: number;
}

/** What cannot be installed. */
export interface Checked {
  readonly kind: 'check';
  /** releases looked at */
  readonly total: number;
  readonly uninstallable: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
    readonly reason: string;
  }[];
}

/** What can be asked. */
export const ACTIONS = ['install', 'upgrade', 'remove', 'autoremove', 'check-all'] as const;
export type Action = (typeof ACTIONS)[number];

export const isAction = (word: string): word is Action => (ACTIONS as readonly string[]).includes(word);

/**
 * How much work (in V8's units; 132 KB of bytecode by default) a function must have done before V8 optimizes it. Most answers are found
 * within the time in which code gets hot: optimizing it doubled the CPU time of a whole desktop (0.69 s, 0.36 s with this), and what runs
 * for seconds, check-all, takes as long as before.
 */
const INTERRUPT_BUDGET = 4_000_000;
/** How much the heap of a check of everything may grow, percent, before V8 looks for what is free: it would let garbage be half of 350 MB. */
const HEAP_GROWTH = 20;

// After files were compiled, which needs optimized code.
function tuneFor(action: Action): void {
  optimizeAfter(INTERRUPT_BUDGET);
  if (action === 'check-all') growHeapBy(HEAP_GROWTH);
}

/** @throws GtpkgError USAGE, NO_SOLUTION, PACKAGE_NOT_FOUND, FILE_NOT_FOUND, and what is wrong with a file, with its line */
export async function resolveFiles(options: ResolveOptions): Promise<ResolvedPlan | Checked> {
  // `--packages A B install x`: words before the action are files too
  const at = options.words.findIndex(isAction);
  const action = options.words[at];
  if (action === undefined || !isAction(action))
    throw new GtpkgError('USAGE', `say what to do: ${ACTIONS.join(', ')}`);
  const files = [...options.packages, ...options.words.slice(0, at)];
  if (files.length === 0) throw new GtpkgError('USAGE', 'no Packages file is named');
  const catalogs = [];
  for (const file of files) catalogs.push(await openPackages(file));
  tuneFor(action);
  const names = options.words.slice(at + 1);
  const universe = unite(catalogs);
  const { architecture } = options;
  checkArchitectures(options);
  if (action === 'check-all') {
    if (names.length > 0) throw new GtpkgError('USAGE', 'check-all takes no package');
    const { findUninstallable } = await import('../../resolver/check.js');
    return {
      kind: 'check',
      total: countReleases(universe, options),
      uninstallable: findUninstallable(universe, universe.names(), options).map(
        ({ candidate: { name, version, architecture: arch }, reason }) => ({
          name: packageOf(name),
          version,
          architecture: arch,
          reason,
        }),
      ),
    };
  }
  const { resolve } = await import('../../resolver/resolve.js');
  const installed = await installedFrom(options);
  const resolution = resolve({
    universe,
    installed,
    request: await requestFrom(action, names, { options, universe, installed }),
    architecture,
    foreign: architecturesOf(installed, options),
  });
  if (resolution.kind === 'solution') return describePlan(resolution.plan);
  const { noSolution } = await import('./no-solution.js');
  throw noSolution(resolution.explanation);
}

function checkArchitectures({ architecture, foreign }: ResolveOptions): void {
  for (const each of [architecture, ...foreign])
    if (!isArchitecture(each) || each === 'all' || each === 'any')
      throw new GtpkgError('USAGE', `"${each.slice(0, 80)}" is not an architecture`);
}

/** Foreign ones: what is installed for them is there because the root takes them. */
function architecturesOf(
  installed: readonly Installed[],
  { architecture, foreign }: Pick<ResolveOptions, 'architecture' | 'foreign'>,
): string[] {
  const all = new Set([...foreign, ...installed.map(({ candidate }) => candidate.architecture)]);
  return [...all].filter((each) => each !== 'all' && each !== architecture).sort();
}

function countReleases(
  universe: NamedUniverse,
  { architecture, foreign }: Pick<ResolveOptions, 'architecture' | 'foreign'>,
): number {
  const taken = new Set(['all', architecture, ...foreign]);
  let count = 0;
  for (const name of universe.names())
    for (const each of universe.versions(name)) if (taken.has(each.architecture)) count++;
  return count;
}

async function installedFrom({
  status,
  extendedStates,
  architecture,
}: ResolveOptions): Promise<readonly Installed[]> {
  if (status === undefined) return [];
  const auto = extendedStates === undefined ? undefined : await readExtendedStates(extendedStates);
  return (await readStatusFile(status)).map(({ candidate, ...each }) => ({
    candidate,
    manual: !each.auto && auto?.has(candidate, architecture) !== true,
    held: each.held,
  }));
}

async function requestFrom(
  action: Exclude<Action, 'check-all'>,
  names: readonly string[],
  given: {
    readonly options: ResolveOptions;
    readonly universe: NamedUniverse;
    readonly installed: readonly Installed[];
  },
): Promise<Request> {
  const { options, universe, installed } = given;
  const { recommends, full, purge } = options;
  if (action === 'autoremove') return { kind: 'autoremove', purge };
  if (action !== 'upgrade' && names.length === 0) throw new GtpkgError('USAGE', 'no package is named');
  if (action === 'install') {
    const { notFound, parseWanted } = await import('./versions.js');
    const targets = names.map((word) => parseWanted(word, { architectures: true }));
    for (const target of targets) {
      const name = packageOf(target.name);
      const known = universe.versions(name).length + universe.providers(name).length > 0;
      if (!known && !installed.some(({ candidate }) => candidate.name === name))
        throw await notFound(name, universe.names(), 'in these files');
    }
    return { kind: 'install', targets, recommends, dependencies: true };
  }
  if (action === 'remove') return { kind: 'remove', names, purge };
  return { kind: 'upgrade', full, recommends, ...(names.length === 0 ? {} : { names }) };
}

/** A plan as data for scripts. */
export function describePlan(plan: Plan): ResolvedPlan {
  const release = (candidate: Candidate): Pick<ResolvedStep, 'version' | 'architecture'> => ({
    version: candidate.version,
    architecture: candidate.architecture,
  });
  return {
    kind: 'plan',
    steps: plan.steps.map((step) => ({
      name: packageOf(step.name),
      ...release(step.to ?? step.from),
      action: step.kind,
      from: step.from?.version ?? null,
      source: step.to?.source ?? null,
      auto: !step.manual,
      reason: step.reason,
    })),
    heldBack: plan.heldBack.map(({ name, installed, available, reason }) => ({
      name,
      installed: installed.version,
      available: available.version,
      reason,
    })),
    autoremovable: plan.autoremovable,
    unmet: plan.unmet.map(({ name, version, relation }) => ({ name, version, relation })),
    missed: plan.missed,
    downloadSize: plan.downloadSize,
    sizeChange: plan.sizeChange * 1024,
  };
}
