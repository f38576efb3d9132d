/** A plan before it is carried out, and what came of it. */
import pc from 'picocolors';
import { printable } from '../../model/index.js';
import type { Change, PlannedStep } from '../workflows/change.js';
import { count, size } from './table.js';

const HEADINGS: readonly (readonly [PlannedStep['kind'], string])[] = [
  ['install', 'To install'],
  ['upgrade', 'To upgrade'],
  ['downgrade', 'To downgrade'],
  ['reinstall', 'To reinstall'],
  ['remove', 'To remove'],
];

function line(step: PlannedStep): string {
  const versions =
    step.from !== null && step.to !== null ? `${step.from} → ${step.to}` : (step.to ?? step.from ?? '');
  const reason = step.reason === '' ? '' : pc.dim(`  ${step.reason}`);
  return `  ${step.name} ${versions}${reason}`;
}

/** The plan as a person wants to see it before saying yes. */
export function renderPlan(change: Change): string {
  const out: string[] = [];
  for (const [kind, heading] of HEADINGS) {
    const steps = change.steps.filter((step) => step.kind === kind);
    if (steps.length > 0) out.push(pc.bold(`${heading} (${steps.length}):`), ...steps.map(line));
  }
  if (change.heldBack.length > 0) {
    out.push(
      pc.bold(`Held back (${change.heldBack.length}):`),
      ...change.heldBack.map(
        (each) => `  ${each.name}${each.reason === '' ? '' : pc.dim(`  ${each.reason}`)}`,
      ),
    );
  }
  if (change.autoremovable.length > 0) {
    out.push(`No longer needed: ${change.autoremovable.join(', ')}. gtpkg autoremove takes them away.`);
  }
  if (change.steps.length > 0) {
    const space =
      change.sizeChange >= 0
        ? `${size(change.sizeChange)} more on disk`
        : `${size(-change.sizeChange)} freed on disk`;
    out.push(`${size(change.downloadSize)} to fetch, ${space}.`);
  }
  return printable(out.join('\n'));
}

/** The last words of install, upgrade, remove, autoremove. */
export function renderChange(change: Change): string {
  if (change.steps.length === 0) {
    const rest = renderPlan(change);
    return rest === '' ? 'Nothing to do.' : `${rest}\nNothing to do.`;
  }
  if (change.dryRun) return `${renderPlan(change)}\nNothing was changed (--dry-run).`;
  if (change.transaction === null) return 'Nothing was changed.';
  const put = change.steps.filter((step) => step.kind !== 'remove').length;
  const gone = change.steps.length - put;
  const parts = [
    put > 0 ? `${count(put, 'package')} installed` : '',
    gone > 0 ? `${count(gone, 'package')} removed` : '',
  ].filter((part) => part !== '');
  return `Done: ${parts.join(', ')}. Transaction ${change.transaction}.`;
}
