/** The way back as data for people and scripts: what was asked, what would be done, what came of it. */
import type { BackStep } from '../../installer/rollback.js';
import type { Plan } from '../../resolver/index.js';
import type { ChangeOptions } from './change.js';
import type { Change } from './decide.js';

/** What is asked for; without `id`: rollback to before the last transaction, undo of the last one. */
export interface BackRequest {
  readonly kind: 'rollback' | 'undo';
  readonly id: number | undefined;
}

/** How it is carried out. */
export interface BackOptions extends ChangeOptions {
  /** of packages that go, what the user changed and their programs made goes too */
  readonly purge: boolean;
}

/** The way back and what came of it. */
export interface WayBack extends Change {
  readonly kind: 'rollback' | 'undo';
  /** the transaction gone back to, or undone */
  readonly of: number;
  /** packages that only get other marks */
  readonly marks: readonly { readonly name: string; readonly auto: boolean; readonly held: boolean }[];
}

/** The steps as they are printed. Nothing was carried out yet. `plan` is in their order; absent where nothing is done. */
export function describeWayBack(
  about: Pick<WayBack, 'kind' | 'of' | 'root' | 'dryRun'>,
  steps: readonly BackStep[],
  {
    plan,
    cost = { downloadSize: 0, savedByDeltas: 0 },
  }: {
    readonly plan: Plan | undefined;
    readonly cost?: Pick<Change, 'downloadSize' | 'savedByDeltas'> | undefined;
  },
): WayBack {
  const auto = new Set(steps.flatMap((step) => (step.kind === 'install' && step.pin.auto ? step.name : [])));
  const leaving = steps.flatMap((step) => (step.kind === 'remove' ? step : []));
  return {
    ...about,
    rootExists: true,
    steps: (plan?.steps ?? []).map(({ kind, name, from, to }) => ({
      kind,
      name,
      from: from?.version ?? null,
      to: to?.version ?? null,
      source: to?.source ?? null,
      auto: auto.has(name),
      reason: '',
    })),
    marks: steps.flatMap((step) =>
      step.kind === 'mark' ? { name: step.name, auto: step.auto, held: step.held } : [],
    ),
    already: [],
    heldBack: [],
    purged: leaving.filter(({ from }) => from.state === 'config-files').map(({ name }) => name),
    conffilesKept: leaving
      .filter(({ from, purge }) => !purge && from.conffiles.length > 0)
      .map(({ name }) => name),
    autoremovable: [],
    missed: [],
    ...cost,
    sizeChange: (plan?.sizeChange ?? 0) * 1024,
    transaction: null,
    notes: [],
    scriptsNotRun: [],
  };
}
