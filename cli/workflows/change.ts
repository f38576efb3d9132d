/**
 * install, upgrade, remove, autoremove: plan, ask, fetch, verify, carry out as one transaction.
 *
 * The root is locked from the reading of its status to the end, so the plan is carried out on what it was made for.
 */
import { GtpkgError, type CoreRef, type ReleasePin, type VerifiedRelease } from '../../model/index.js';
import type { TransactionStep } from '../../installer/plan.js';
import type { Plan, Step } from '../../resolver/index.js';
import type { ScriptPolicy } from '../../installer/script-runner.js';
import type { ConffileChoice } from '../change-flags.js';
import type { Context } from '../context.js';
import { confirm, isInteractive } from '../prompt.js';
import { err } from '../render/colors.js';
import { renderPlan } from '../render/plan.js';
import { decide, describe, type Change, type ChangeRequest, type Decision } from './decide.js';
import type { OfferedCandidate } from './offers.js';
import { chooseWay, coresOf } from './deltas.js';
import { carryOut, type PlannedRelease, type Verified } from './carry-out.js';
import { requireFresh } from './releases.js';
import { rootIsThere } from './root.js';
import { rememberRoot } from './roots.js';
import { parseWanted } from './versions.js';

export type { Change, ChangeRequest, PlannedStep } from './decide.js';

/** How a change is carried out. */
export interface ChangeOptions {
  readonly dryRun: boolean;
  readonly deltas?: boolean;
  /** undefined: maintainer scripts are not run */
  readonly scripts?: ScriptPolicy | undefined;
  /** what becomes of conffiles that both sides changed */
  readonly conffiles?: ConffileChoice;
}

/** @throws GtpkgError NO_SOLUTION, PACKAGE_NOT_FOUND, and all that fetching, verifying and the transaction throw */
export async function changeRoot(
  context: Context,
  request: ChangeRequest,
  options: ChangeOptions,
): Promise<Change> {
  const there = await rootIsThere(context);
  // a request that cannot be met makes no root
  const first = there ? undefined : await decide(context, request);
  if (first !== undefined && request.kind !== 'install')
    return describe(context, first, {
      request,
      dryRun: options.dryRun,
      rootExists: false,
      downloadSize: 0,
      saved: 0,
    });
  const { openRoot } = await import('../../installer/root.js');
  const root = await openRoot(context.settings.root, {
    create: !options.dryRun && request.kind === 'install',
    lock: options.dryRun ? 'none' : 'exclusive',
    report: context.report,
  });
  try {
    if (!options.dryRun) await rememberRoot(context);
    // what was decided for a root that was not there holds for one that is empty
    const isNew = first !== undefined && root.status().size === 0;
    const decision = isNew ? first : await decide(context, request);
    const { plan } = decision;
    const wanted = await wantedReleases(context, decision, { deltas: options.deltas ?? true });
    await requireFresh(
      context,
      wanted.map((each) => each.source),
    );
    const downloadSize = wanted.reduce((sum, each) => sum + each.missing, 0);
    const saved = wanted.reduce((sum, each) => sum + each.saved, 0);
    const { dryRun } = options;
    const change = describe(context, decision, { request, dryRun, rootExists: true, downloadSize, saved });
    if (dryRun) return change;
    if (plan.steps.length + plan.marks.length + change.purged.length === 0) return change;
    for (const { name, field, relation } of plan.unmet)
      context.report({ kind: 'warning', text: `${name}: ${field} ${relation} is not met` });
    if (plan.steps.length > 0) context.say(renderPlan(change, err));
    if (!(await agreed(context, request, plan))) return change;
    const result = await carryOut(context, { root, planned: wanted }, async (verified) => {
      decision.judge?.confirm(confirmed(plan, verified.releases));
      const { runTransaction } = await import('../../installer/transaction.js');
      return runTransaction(root, {
        layOut: verified.layOut,
        steps: [
          ...plan.steps.map((step) => transactionStep(step, verified, 'purge' in request && request.purge)),
          ...change.purged.map((name) => ({ kind: 'remove' as const, name, purge: true })),
          ...plan.marks.map(({ name, manual }) => ({ kind: 'mark' as const, name, auto: !manual })),
        ],
        command: context.command,
        now: context.now,
        indexCommits: Object.fromEntries(
          decision.sources.map(({ source, query }) => [source.name, query.commit]),
        ),
        report: context.report,
        scripts: options.scripts,
        ...options.conffiles,
      });
    });
    for (const text of result.notes) context.report({ kind: 'note', text });
    const { scriptsNotRun } = result;
    if (scriptsNotRun.length > 0) context.report({ kind: 'note', text: notRun(scriptsNotRun, options) });
    return { ...change, transaction: result.id ?? null, notes: result.notes, scriptsNotRun };
  } finally {
    root.close();
  }
}

function confirmed(
  plan: Plan,
  releases: ReadonlyMap<ReleasePin, VerifiedRelease>,
): { candidate: OfferedCandidate; release: VerifiedRelease }[] {
  return plan.steps.flatMap((step) => {
    const candidate = step.to as OfferedCandidate | undefined;
    const release = candidate === undefined ? undefined : releases.get(candidate.offer.pin);
    return candidate === undefined || release === undefined ? [] : [{ candidate, release }];
  });
}

/** What is said of maintainer scripts that were kept and not run. */
export function notRun(names: readonly string[], { scripts }: Pick<ChangeOptions, 'scripts'>): string {
  const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  const one = names.length === 1;
  const why =
    scripts !== undefined
      ? ': the root has no shell'
      : process.getuid?.() === 0
        ? ''
        : ' (--scripts runs them)';
  return `The maintainer scripts of ${shown} were not run${why}; what ${one ? 'it sets' : 'they set'} up is not set up.`;
}

async function wantedReleases(
  context: Context,
  { plan, sources, status }: Decision,
  options: { readonly deltas: boolean },
): Promise<PlannedRelease[]> {
  const known = new Set(sources.map(({ source }) => source.name));
  const chosen = plan.steps.flatMap((step) => {
    if (step.to === undefined) return [];
    const candidate = step.to as OfferedCandidate;
    if (!known.has(candidate.source)) throw new GtpkgError('INTERNAL', `${step.name} comes from no source`);
    const { pin, control, deltas } = candidate.offer;
    return [{ pin, control, deltas: options.deltas ? deltas : [], source: candidate.source }];
  });
  if (chosen.length === 0) return [];
  const cores = coresOf(chosen);
  const held = await (await context.depot()).held(cores);
  const lacking = new Map(cores.map((core, i) => [core.key, core.byteLength - (held[i] ?? 0)]));
  const missing = (core: CoreRef): number => lacking.get(core.key) ?? core.byteLength;
  const installed = new Map(status.map((each) => [each.name, each]));
  const out: PlannedRelease[] = [];
  for (const each of chosen) {
    const way = await chooseWay(context, each, { installed: installed.get(each.pin.name), missing });
    const bytes = missing(way.core);
    out.push({
      pin: each.pin,
      control: each.control,
      source: each.source,
      way,
      missing: bytes,
      saved: missing(each.pin.core) - bytes,
    });
  }
  return out;
}

// As apt does: ask when more happens than was typed. Where nobody can be asked, the command line is the answer.
async function agreed(context: Context, request: ChangeRequest, plan: Plan): Promise<boolean> {
  const typed =
    'words' in request ? new Set(request.words.map((word) => parseWanted(word).name)) : new Set<string>();
  const more = plan.steps.some(
    (step) => !typed.has(step.name) || (request.kind === 'install' && step.to === undefined),
  );
  if (!more || !isInteractive()) return true;
  return confirm('Go on?', { yes: context.settings.yes, unattended: true });
}

function transactionStep(step: Step, { releases, via }: Verified, purge: boolean): TransactionStep {
  if (step.to === undefined) return { kind: 'remove', name: step.name, purge };
  const { offer, source, suite } = step.to as OfferedCandidate;
  const release = releases.get(offer.pin);
  if (release === undefined) throw new GtpkgError('INTERNAL', `no verified release for ${step.name}`);
  return { kind: 'install', release, auto: !step.manual, source, suite, via: via.get(offer.pin) };
}
