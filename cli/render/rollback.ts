/** The way back before it is gone, and what came of it. */
import type { WayBack } from '../workflows/way-back.js';
import { out, type Colors } from './colors.js';
import { renderChange, renderPlan } from './plan.js';

function marks({ marks: list }: WayBack, colors: Colors): string[] {
  if (list.length === 0) return [];
  return [
    colors.bold(`To mark (${list.length}):`),
    ...list.map(
      ({ name, auto, held }) => `  ${name}  ${auto ? 'automatic' : 'manual'}${held ? ', held' : ''}`,
    ),
  ];
}

/** The plan as a person wants to see it before saying yes. */
export function renderWayBack(way: WayBack, colors: Colors = out): string {
  const plan = renderPlan(way, colors);
  return [...marks(way, colors), ...(plan === '' ? [] : [plan])].join('\n');
}

/** The last words of rollback and history undo. */
export function renderBack(way: WayBack): string {
  const { kind, of, steps, marks: marked, purged, dryRun, transaction } = way;
  if (steps.length + marked.length + purged.length === 0)
    return kind === 'rollback'
      ? `Nothing to do: the root is as it was ${of === 0 ? 'before the first transaction' : `after transaction ${of}`}.`
      : `Nothing to do: nothing of transaction ${of} is left.`;
  if (dryRun)
    return [renderWayBack(way), 'Nothing was changed (--dry-run).'].filter((text) => text !== '').join('\n');
  if (transaction === null) return 'Nothing was changed.';
  const what =
    kind === 'undo'
      ? `Transaction ${of} is undone`
      : of === 0
        ? 'Back to before the first transaction'
        : `Back to the state after transaction ${of}`;
  const done = steps.length > 0 ? renderChange(way) : `Done. Transaction ${transaction}.`;
  return `${what}.\n${done}`;
}
