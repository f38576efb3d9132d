/**
 * install, upgrade, remove, autoremove: plan, ask, fetch, verify, carry out as one transaction.
 *
 * The root is locked from the reading of its status to the end, so the plan is carried out on what it was made for.
 */
import { GtpkgError, type ReleasePin, type VerifiedRelease } from '../../model/index.js';
import type { TransactionStep } from '../../installer/plan.js';
import type { Plan, Step } from '../../resolver/index.js';
import type { Context } from '../context.js';
import { confirm, isInteractive } from '../prompt.js';
import { err } from '../render/colors.js';
import { renderPlan } from '../render/plan.js';
import { decide, describe, type Change, type ChangeRequest } from './decide.js';
import type { OfferedCandidate, OpenSource } from './offers.js';
import { fetchCores, missingBytes, requireFresh, verifyReleases, type WantedRelease } from './releases.js';
import { rootIsThere } from './root.js';
import { parseWanted } from './versions.js';

export type { Change, ChangeRequest, PlannedStep } from './decide.js';

/** @throws GtpkgError NO_SOLUTION, PACKAGE_NOT_FOUND, and all that fetching, verifying and the transaction throw */
export async function changeRoot(
  context: Context,
  request: ChangeRequest,
  options: { readonly dryRun: boolean },
): Promise<Change> {
  const there = await rootIsThere(context);
  // a request that cannot be met makes no root
  const first = there ? undefined : await decide(context, request);
  if (first !== undefined && request.kind !== 'install')
    return describe(context, first, { request, dryRun: options.dryRun, rootExists: false, downloadSize: 0 });
  const { openRoot } = await import('../../installer/root.js');
  const root = await openRoot(context.settings.root, {
    create: !options.dryRun && request.kind === 'install',
    lock: options.dryRun ? 'none' : 'exclusive',
    report: context.report,
  });
  try {
    const decision = await decide(context, request);
    const { plan } = decision;
    const wanted = wantedReleases(plan, decision.sources);
    await requireFresh(
      context,
      wanted.map((each) => each.source),
    );
    const downloadSize =
      plan.steps.length === 0
        ? 0
        : await missingBytes(
            context,
            wanted.map((each) => each.pin.core),
          );
    const { dryRun } = options;
    const change = describe(context, decision, { request, dryRun, rootExists: true, downloadSize });
    if (dryRun) return change;
    if (plan.steps.length + plan.marks.length + change.purged.length === 0) return change;
    for (const { name, field, relation } of plan.unmet)
      context.report({ kind: 'warning', text: `${name}: ${field} ${relation} is not met` });
    if (plan.steps.length > 0) context.say(renderPlan(change, err));
    if (!(await agreed(context, request, plan))) return change;
    await fetchCores(context, wanted);
    const releases = await verifyReleases(context, wanted);
    const { runTransaction } = await import('../../installer/transaction.js');
    const byPin = new Map(wanted.map(({ pin }, i) => [pin, releases[i]]));
    const result = await runTransaction(root, {
      steps: [
        ...plan.steps.map((step) => transactionStep(step, byPin, 'purge' in request && request.purge)),
        ...change.purged.map((name) => ({ kind: 'remove' as const, name, purge: true })),
        ...plan.marks.map(({ name, manual }) => ({ kind: 'mark' as const, name, auto: !manual })),
      ],
      command: context.command,
      now: context.now,
      indexCommits: Object.fromEntries(
        decision.sources.map(({ source, query }) => [source.name, query.commit]),
      ),
      report: context.report,
    });
    for (const text of result.notes) context.report({ kind: 'note', text });
    return { ...change, transaction: result.id ?? null, notes: result.notes };
  } finally {
    root.close();
  }
}

function wantedReleases(plan: Plan, sources: readonly OpenSource[]): WantedRelease[] {
  const known = new Set(sources.map(({ source }) => source.name));
  return plan.steps.flatMap((step) => {
    if (step.to === undefined) return [];
    const candidate = step.to as OfferedCandidate;
    if (!known.has(candidate.source)) throw new GtpkgError('INTERNAL', `${step.name} comes from no source`);
    return [{ pin: candidate.offer.pin, source: candidate.source }];
  });
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

function transactionStep(
  step: Step,
  releases: ReadonlyMap<ReleasePin, VerifiedRelease | undefined>,
  purge: boolean,
): TransactionStep {
  if (step.to === undefined) return { kind: 'remove', name: step.name, purge };
  const { offer, source, suite } = step.to as OfferedCandidate;
  const release = releases.get(offer.pin);
  if (release === undefined) throw new GtpkgError('INTERNAL', `no verified release for ${step.name}`);
  return { kind: 'install', release, auto: !step.manual, source, suite };
}
