/**
 * What a request means for a root: the question to the resolver, its answer or why there is none, and the answer as data for people
 * and scripts. Changes nothing.
 */
import { controlFrom, GtpkgError, type Candidate } from '../../model/index.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { Plan, Request, Target } from '../../resolver/index.js';
import type { Context } from '../context.js';
import { OfferedUniverse, openSources, type OpenSource } from './offers.js';
import { fitting, keptFromUpgrade, refused } from './kept-back.js';
import { noSolution } from './no-solution.js';
import { readPins } from './pins.js';
import { policyOf } from './policy.js';
import { Judge } from './trust-judge.js';
import { notFound, notInstalled, offeredHint, parseWanted, someWords } from './versions.js';

/** What the user asked for. */
export type ChangeRequest =
  | {
      readonly kind: 'install';
      readonly words: readonly string[];
      readonly recommends: boolean;
      readonly dependencies: boolean;
    }
  | {
      readonly kind: 'upgrade';
      readonly words: readonly string[];
      readonly full: boolean;
      readonly recommends: boolean;
      readonly dependencies: boolean;
    }
  | { readonly kind: 'remove'; readonly words: readonly string[]; readonly purge: boolean }
  | { readonly kind: 'autoremove'; readonly purge: boolean };

/** One package of a plan. */
export interface PlannedStep {
  readonly kind: 'install' | 'upgrade' | 'downgrade' | 'reinstall' | 'remove';
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly source: string | null;
  readonly auto: boolean;
  readonly reason: string;
}

/** The plan and what came of it. */
export interface Change {
  readonly root: string;
  /** false: nothing was ever installed there, and nothing is now */
  readonly rootExists: boolean;
  readonly dryRun: boolean;
  readonly steps: readonly PlannedStep[];
  /** asked for, and there as it is wanted; `marked`: it was there only for others, and stays now for its own sake */
  readonly already: readonly { readonly name: string; readonly version: string; readonly marked: boolean }[];
  /** `held`: by gtpkg hold, and not by what the sources offer */
  readonly heldBack: readonly {
    readonly name: string;
    readonly installed: string;
    readonly available: string;
    readonly held: boolean;
    readonly reason: string;
  }[];
  /** removed earlier, of which the conffiles go now */
  readonly purged: readonly string[];
  /** to be removed, and their conffiles stay */
  readonly conffilesKept: readonly string[];
  readonly autoremovable: readonly string[];
  /** recommended by what is new, and not to be had together with the rest */
  readonly missed: readonly { readonly name: string; readonly relation: string }[];
  /** bytes not held yet */
  readonly downloadSize: number;
  /** bytes that would have to be fetched besides, but for deltas */
  readonly savedByDeltas: number;
  /** bytes */
  readonly sizeChange: number;
  /** id in the history; null when nothing was carried out */
  readonly transaction: number | null;
  readonly notes: readonly string[];
  /** packages of which the maintainer scripts were kept and not run */
  readonly scriptsNotRun: readonly string[];
}

/** The answer, and what it was found from. */
export interface Decision {
  readonly plan: Plan;
  readonly status: readonly InstalledPackage[];
  readonly sources: readonly OpenSource[];
  /** absent where there is no policy to judge by */
  readonly judge?: Judge | undefined;
}

/**
 * @param given - what is installed and what is offered; of the root and of all sources when absent
 * @throws GtpkgError NO_SOLUTION, PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, NOT_INSTALLED, USAGE, POLICY_REFUSED,
 * POLICY_MALFORMED
 */
export async function decide(
  context: Context,
  request: ChangeRequest,
  given?: Pick<Decision, 'status' | 'sources'>,
): Promise<Decision> {
  const [{ resolve }, { readStatus }] = await Promise.all([
    import('../../resolver/index.js'),
    import('../../installer/status.js'),
  ]);
  const status = given?.status ?? [...readStatus(context.settings.root).values()];
  const sources = given?.sources ?? (await openSources(context));
  const judge = (await Judge.open(context, { sources, status }))?.for(request);
  const universe = new OfferedUniverse(sources, judge?.accepts);
  const resolution = resolve({
    universe,
    policy: policyOf(await readPins(context), universe),
    installed: status
      .filter((each) => each.state === 'installed')
      .map((each) => ({
        candidate: installedCandidate(each, universe),
        manual: !each.auto,
        held: each.held,
      })),
    request: await resolverRequest(context, request, { universe, status, judge }),
    architecture: context.architecture,
  });
  if (resolution.kind === 'conflict') throw noSolution(resolution.explanation, judge?.keptBack ?? []);
  return { plan: resolution.plan, status, sources, judge };
}

/** The offered entry of what is installed where there is one, so that the resolver sees one candidate and not two. */
export function installedCandidate(each: InstalledPackage, universe: OfferedUniverse): Candidate {
  const same = universe
    .versions(each.name)
    .find(
      (candidate) => candidate.offer.pin.core.key === each.pin.core.key && candidate.source === each.source,
    );
  if (same !== undefined) return same;
  const control = controlFrom(each.fields, `status of ${each.name}`);
  return {
    name: each.name,
    version: each.version,
    architecture: each.architecture,
    multiArch: control.multiArch,
    essential: control.essential,
    source: '',
    suite: '',
    relations: control.relations,
    installedSize: control.installedSize,
    downloadSize: each.pin.core.byteLength,
  };
}

async function resolverRequest(
  context: Context,
  request: ChangeRequest,
  { universe, status, judge }: Pick<Decision, 'status' | 'judge'> & { readonly universe: OfferedUniverse },
): Promise<Request> {
  if (request.kind === 'autoremove') return { kind: 'autoremove', purge: request.purge };
  const installed = new Set(status.filter((each) => each.state === 'installed').map((each) => each.name));
  const mustBeInstalled = async (names: readonly string[]): Promise<readonly string[]> => {
    for (const name of names)
      if (!installed.has(name)) throw await notInstalled(name, installed, context.settings.root);
    return names;
  };
  if (request.kind === 'remove') {
    const left = new Set(leftovers(request, status));
    const removed = status.find(
      (each) => each.state === 'config-files' && !left.has(each.name) && request.words.includes(each.name),
    );
    if (removed !== undefined)
      throw new GtpkgError('NOT_INSTALLED', `${removed.name} is removed already; its conffiles are left`, {
        hint: `gtpkg remove --purge ${removed.name} takes them away.`,
        data: { name: removed.name },
      });
    return {
      kind: 'remove',
      names: await mustBeInstalled(someWords(request.words, 'package').filter((word) => !left.has(word))),
      purge: request.purge,
    };
  }
  if (request.kind === 'upgrade') {
    return {
      kind: 'upgrade',
      full: request.full,
      recommends: request.recommends,
      dependencies: request.dependencies,
      ...(request.words.length === 0 ? {} : { names: await mustBeInstalled(request.words) }),
    };
  }
  const targets: Target[] = [];
  for (const word of someWords(request.words, 'package')) {
    const wanted = parseWanted(word);
    universe.checkSource(wanted.source);
    const offered = universe.versions(wanted.name);
    const fits = fitting(wanted);
    const kept = judge?.keptBack.filter((each) => each.name === wanted.name && fits(each)) ?? [];
    if (kept.length > 0 && !offered.some(fits)) throw refused(kept);
    if (offered.length === 0 && universe.providers(wanted.name).length === 0)
      throw await notFound(wanted.name, universe.names(), 'in any source');
    if (!offered.some(fits) && (offered.length > 0 || wanted.version !== undefined)) {
      throw new GtpkgError('VERSION_NOT_FOUND', `${wanted.name} is not offered as ${word}`, {
        hint: offeredHint(offered),
        data: { name: wanted.name },
      });
    }
    targets.push(wanted);
  }
  return { kind: 'install', targets, recommends: request.recommends, dependencies: request.dependencies };
}

/** The answer as it is printed. Nothing was carried out yet. */
export function describe(
  context: Context,
  { plan, status, judge }: Decision,
  options: {
    readonly request: ChangeRequest;
    readonly dryRun: boolean;
    readonly rootExists: boolean;
    readonly downloadSize: number;
    readonly saved: number;
  },
): Change {
  const { request, dryRun, rootExists, downloadSize, saved } = options;
  const byName = new Map(status.map((each) => [each.name, each]));
  return {
    root: context.settings.root,
    rootExists,
    dryRun,
    steps: plan.steps.map((step) => ({
      kind: step.kind,
      name: step.name,
      from: step.from?.version ?? null,
      to: step.to?.version ?? null,
      source: step.to?.source ?? null,
      auto: !step.manual,
      reason: step.reason,
    })),
    already: alreadyThere(request, plan, byName),
    heldBack: [
      ...plan.heldBack.map(({ name, installed, available, reason }) => ({
        name,
        installed: installed.version,
        available: available.version,
        held: byName.get(name)?.held === true,
        reason,
      })),
      ...keptFromUpgrade(request, plan, { byName, judge }),
    ],
    purged: leftovers(request, status),
    conffilesKept: plan.steps
      .filter((step) => step.kind === 'remove' && !step.purge)
      .map((step) => step.name)
      .filter((name) => (byName.get(name)?.conffiles.length ?? 0) > 0),
    autoremovable: [...plan.autoremovable],
    missed: plan.missed.map(({ name, relation }) => ({ name, relation })),
    downloadSize,
    savedByDeltas: saved,
    sizeChange: plan.sizeChange * 1024,
    transaction: null,
    notes: [],
    scriptsNotRun: [],
  };
}

function alreadyThere(
  request: ChangeRequest,
  plan: Plan,
  status: ReadonlyMap<string, InstalledPackage>,
): Change['already'] {
  if (request.kind !== 'install') return [];
  const changing = new Set([...plan.steps, ...plan.heldBack].map((each) => each.name));
  const marked = new Set(plan.marks.map((each) => each.name));
  const names = new Set(request.words.map((word) => parseWanted(word).name));
  return [...names].flatMap((name) => {
    const installed = status.get(name);
    return installed?.state !== 'installed' || changing.has(name)
      ? []
      : [{ name, version: installed.version, marked: marked.has(name) }];
  });
}

// Packages of which only conffiles are left: the resolver does not know them any more.
function leftovers(request: ChangeRequest, status: readonly InstalledPackage[]): string[] {
  if (request.kind !== 'remove' || !request.purge) return [];
  const named = new Set(request.words);
  return status
    .filter((each) => each.state === 'config-files' && named.has(each.name))
    .map((each) => each.name);
}
