/**
 * rollback and history undo: an earlier state, or one transaction taken back, as a transaction of its own.
 *
 * What is to be comes from the root's own history, not from today's index; releases come from the store where they are held. Each one walks the
 * chain of trust again, by what is known today, before anything is shown, asked or changed.
 */
import {
  controlFrom,
  GtpkgError,
  EXIT,
  type Candidate,
  type Control,
  type ReleasePin,
  type VerifiedRelease,
} from '../../model/index.js';
import { nextId } from '../../installer/history.js';
import type { TransactionStep } from '../../installer/plan.js';
import type { OpenRoot } from '../../installer/root.js';
import type { BackStep, Wishes } from '../../installer/rollback.js';
import type { RootStatus } from '../../installer/status.js';
import type { Plan } from '../../resolver/index.js';
import type { Context } from '../context.js';
import { confirm, isInteractive } from '../prompt.js';
import { withScratch } from '../scratch.js';
import { err } from '../render/colors.js';
import { renderWayBack } from '../render/rollback.js';
import { carryOut, type Verified } from './carry-out.js';
import { notRun } from './change.js';
import type { Change } from './decide.js';
import { OldReleases, type OldRelease } from './old-releases.js';
import { rootIsThere } from './root.js';
import { rememberRoot } from './roots.js';
import { describeWayBack, type BackOptions, type BackRequest, type WayBack } from './way-back.js';
import { Judge } from './trust-judge.js';

/**
 * @throws GtpkgError HISTORY_NOT_FOUND, NO_SOLUTION (undo), SOURCE_NOT_FOUND, SIGNER_*, POLICY_REFUSED, and all that fetching, verifying and the
 * transaction throw; the root is as before then
 */
export async function goBack(context: Context, request: BackRequest, options: BackOptions): Promise<WayBack> {
  if (!(await rootIsThere(context)))
    throw new GtpkgError('HISTORY_NOT_FOUND', 'nothing was ever done to this root', {
      hint: 'A history begins with the first gtpkg install. --root names another root.',
      data: { root: context.settings.root },
    });
  const { openRoot } = await import('../../installer/root.js');
  if (!options.dryRun) await rememberRoot(context);
  const lock = options.dryRun ? 'none' : 'exclusive';
  const root = await openRoot(context.settings.root, { lock, report: context.report });
  try {
    const installer = await import('../../installer/rollback.js');
    return await withScratch(context, 'rollback', (scratch) =>
      new Way(context, root, { installer, request, options }).go(scratch),
    );
  } finally {
    root.close();
  }
}

type Installer = typeof import('../../installer/rollback.js');

class Way {
  readonly #context: Context;
  readonly #root: OpenRoot;
  readonly #installer: Installer;
  readonly #status: RootStatus;
  readonly #options: BackOptions;
  readonly #kind: 'rollback' | 'undo';
  readonly #id: number;
  #steps: readonly BackStep[] = [];
  #old = new Map<string, OldRelease>();
  #agreed = false;

  constructor(
    context: Context,
    root: OpenRoot,
    how: { readonly installer: Installer; readonly request: BackRequest; readonly options: BackOptions },
  ) {
    this.#context = context;
    this.#root = root;
    this.#status = root.status();
    this.#installer = how.installer;
    this.#options = how.options;
    this.#kind = how.request.kind;
    const last = nextId(root.dir) - 1;
    this.#id = how.request.id ?? (this.#kind === 'undo' ? last : Math.max(0, last - 1));
  }

  async go(scratch: string): Promise<WayBack> {
    const { backFacts, backSteps } = this.#installer;
    const wishes = this.#wishes();
    const facts = await backFacts(this.#root, wishes.keys(), {
      purge: this.#options.purge,
      runsScripts: this.#options.scripts !== undefined,
    });
    this.#steps = backSteps(this.#status, wishes, facts);
    if (this.#steps.length === 0) return this.#described();
    const releases = await OldReleases.open(this.#context);
    const sources = releases.sources;
    for (const step of this.#steps)
      if (step.kind === 'install') this.#old.set(step.name, releases.find(step.name, step.pin));
    const judge = (await Judge.open(this.#context, { sources, status: [...this.#status.values()] }))?.for({
      kind: 'install',
      words: [...this.#old.keys()],
      recommends: false,
      dependencies: false,
    });
    try {
      const planned = await releases.plan([...this.#old.values()], {
        installed: this.#status,
        deltas: this.#options.deltas ?? true,
        scratch,
      });
      const cost = {
        downloadSize: planned.reduce((sum, each) => sum + each.missing, 0),
        savedByDeltas: planned.reduce((sum, each) => sum + each.saved, 0),
      };
      return await carryOut(this.#context, { root: this.#root, planned }, async (verified) => {
        judge?.confirm(this.#judged(verified));
        return this.#carryOut(verified, { cost, sources });
      });
    } catch (error) {
      throw notTrustedNow(error);
    }
  }

  #wishes(): Wishes {
    const { changedSince, wishesOfRollback, wishesOfUndo } = this.#installer;
    const { dir } = this.#root;
    if (this.#kind === 'rollback') return wishesOfRollback(dir, this.#status, this.#id);
    const { wishes, blocked } = wishesOfUndo(dir, this.#status, this.#id);
    if (blocked.length > 0) throw changedSince(this.#id, blocked);
    return wishes;
  }

  #judged({ releases }: Verified): Parameters<Judge['confirm']>[0] {
    return [...this.#old.values()].flatMap(({ pin, source, suite, offer }) => {
      const release = releases.get(pin);
      if (release === undefined) return [];
      const { control } = release;
      const entry = offer ?? { pin, control, suite, deltas: [], cosignatures: [], fields: control.fields };
      const { name, version, architecture } = pin;
      return [{ candidate: { name, version, architecture, source, suite, offer: entry }, release }];
    });
  }

  async #carryOut(
    verified: Verified,
    given: {
      readonly cost: Pick<Change, 'downloadSize' | 'savedByDeltas'>;
      readonly sources: OldReleases['sources'];
    },
  ): Promise<WayBack> {
    const plan = await this.#plan(verified);
    const described = this.#described(plan, given.cost);
    const { context, options } = { context: this.#context, options: this.#options };
    if (options.dryRun) return described;
    if (!this.#agreed) {
      context.say(renderWayBack(described, err));
      this.#agreed =
        !isInteractive() || (await confirm('Go on?', { yes: context.settings.yes, unattended: true }));
      if (!this.#agreed) return described;
    }
    const { runTransaction } = await import('../../installer/transaction.js');
    const result = await runTransaction(this.#root, {
      layOut: verified.layOut,
      steps: this.#transactionSteps(plan, verified),
      command: context.command,
      now: context.now,
      purpose: { kind: this.#kind, of: this.#id },
      indexCommits: Object.fromEntries(given.sources.map(({ source, query }) => [source.name, query.commit])),
      report: context.report,
      scripts: options.scripts,
      ...options.conffiles,
    });
    for (const text of result.notes) context.report({ kind: 'note', text });
    const { notes, scriptsNotRun } = result;
    if (scriptsNotRun.length > 0) context.report({ kind: 'note', text: notRun(scriptsNotRun, options) });
    return { ...described, transaction: result.id ?? null, notes, scriptsNotRun };
  }

  #described(plan?: Plan, cost?: Pick<Change, 'downloadSize' | 'savedByDeltas'>): WayBack {
    const { root } = this.#context.settings;
    const about = { kind: this.#kind, of: this.#id, root, dryRun: this.#options.dryRun };
    return describeWayBack(about, this.#steps, { plan, cost });
  }

  /** The order of the steps; and, for an undo, whether what stays can do without what goes. */
  async #plan({ releases }: Verified): Promise<Plan> {
    const { brokenBy, planTowards } = await import('../../resolver/index.js');
    const there = new Map<string, Candidate>();
    for (const pkg of this.#status.values())
      if (pkg.state === 'installed')
        there.set(
          pkg.name,
          candidateOf(pkg.pin, controlFrom(pkg.fields, `status of ${pkg.name}`), pkg.source),
        );
    const chosen = new Map(there);
    for (const step of this.#steps) {
      if (step.kind === 'remove') chosen.delete(step.name);
      if (step.kind !== 'install') continue;
      const { old, release } = this.#verified(step.name, releases);
      chosen.set(step.name, candidateOf(old.pin, release.control, old.source));
    }
    const towards = {
      installed: [...there.values()].map((candidate) => ({ candidate, manual: true, held: false })),
      chosen: [...chosen.values()],
      architecture: this.#context.architecture,
    };
    if (this.#kind === 'undo') {
      const broken = brokenBy(towards);
      const names = [...new Set(broken.map(({ name }) => name))];
      if (broken.length > 0)
        throw new GtpkgError(
          'NO_SOLUTION',
          `transaction ${this.#id} cannot be undone alone: ${broken.map(({ sentence }) => sentence).join('; ')}`,
          {
            hint: `Remove ${names.join(', ')} first, or undo what brought ${names.length === 1 ? 'it' : 'them'}; gtpkg rollback ${this.#id - 1} goes back to before all of it.`,
            data: { undo: this.#id, broken },
          },
        );
    }
    return planTowards(towards);
  }

  #verified(name: string, releases: Verified['releases']): { old: OldRelease; release: VerifiedRelease } {
    const old = this.#old.get(name);
    const release = old === undefined ? undefined : releases.get(old.pin);
    if (old === undefined || release === undefined)
      throw new GtpkgError('INTERNAL', `no verified release for ${name}`);
    return { old, release };
  }

  #transactionSteps(plan: Plan, { releases, via }: Verified): TransactionStep[] {
    const order = new Map(plan.steps.map(({ name }, at) => [name, at]));
    const place = (step: BackStep): number => order.get(step.name) ?? order.size;
    const steps = [...this.#steps].sort((a, b) => place(a) - place(b));
    return this.#installer.backTransaction(steps, ({ name }) => {
      const { old, release } = this.#verified(name, releases);
      return { release, source: old.source, suite: old.suite, via: via.get(old.pin) };
    });
  }
}

function candidateOf(pin: ReleasePin, control: Control, source: string): Candidate {
  const { name, version, architecture } = pin;
  const { multiArch, essential, relations, installedSize } = control;
  const downloadSize = pin.core.byteLength;
  return {
    name,
    version,
    architecture,
    multiArch,
    essential,
    source,
    suite: '',
    relations,
    installedSize,
    downloadSize,
  };
}

// It was trusted once. That the makers could put it right, as verification says, is no help here.
function notTrustedNow(error: unknown): unknown {
  if (!(error instanceof GtpkgError) || error.exit !== EXIT.untrusted) return error;
  const name = typeof error.data['package'] === 'string' ? error.data['package'] : 'the package';
  const hint = `Nothing was changed. What is not trusted today does not come back, although it was here once: bring ${name} to a release that is (gtpkg upgrade), or go back to another state (gtpkg history).`;
  return new GtpkgError(error.code, error.message, { hint, data: error.data, cause: error });
}
