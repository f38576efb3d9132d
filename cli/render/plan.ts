/** A plan before it is carried out, and what came of it. */
import { printable } from '../../model/bytes.js';
import type { Change, PlannedStep } from '../workflows/change.js';
import { out, type Colors } from './colors.js';
import { count, pad, size } from './table.js';
import { width } from './width.js';

const KINDS: readonly (readonly [PlannedStep['kind'], string, string])[] = [
  ['install', 'To install', 'installed'],
  ['upgrade', 'To upgrade', 'upgraded'],
  ['downgrade', 'To downgrade', 'downgraded'],
  ['reinstall', 'To reinstall', 'reinstalled'],
  ['remove', 'To remove', 'removed'],
];

/** Recommendations named at most. */
const MAX_MISSED = 5;

/** Rows of cells, indented, all columns but the last aligned; the last is said quietly. */
function rows(cells: readonly (readonly [string, string, string])[], colors: Colors): string[] {
  const safe = cells.map((row) => row.map(printable));
  const widest = [0, 1].map((column) => Math.max(0, ...safe.map((row) => width(row[column] ?? ''))));
  return safe.map(([name = '', version = '', why = '']) =>
    `  ${pad(name, widest[0] ?? 0)}  ${pad(version, widest[1] ?? 0)}  ${colors.dim(why)}`.trimEnd(),
  );
}

function versions({ from, to }: PlannedStep): string {
  return from !== null && to !== null ? `${from} → ${to}` : (to ?? from ?? '');
}

// "1.1 is newer than 1.0" says no more than "1.0 → 1.1"
function why({ kind, from, to, reason }: PlannedStep): string {
  return kind === 'upgrade' && reason === `${to} is newer than ${from}` ? '' : reason;
}

function heldBack({ heldBack: held }: Change, colors: Colors): string[] {
  if (held.length === 0) return [];
  const byHand = held.filter((each) => each.held).map((each) => each.name);
  return [
    colors.bold(`Held back (${held.length}):`),
    ...rows(
      held.map((each) => [each.name, each.installed, each.reason]),
      colors,
    ),
    ...(byHand.length === 0 ? [] : [`gtpkg unhold ${byHand.join(' ')} lets go of what is held.`]),
  ];
}

/** The plan as a person wants to see it before saying yes. */
export function renderPlan(change: Change, colors: Colors = out): string {
  const lines: string[] = [];
  for (const [kind, heading] of KINDS) {
    const steps = change.steps.filter((step) => step.kind === kind);
    if (steps.length === 0) continue;
    lines.push(colors.bold(`${heading} (${steps.length}):`));
    lines.push(
      ...rows(
        steps.map((step) => [step.name, versions(step), why(step)]),
        colors,
      ),
    );
  }
  lines.push(...heldBack(change, colors));
  if (change.conffilesKept.length > 0) {
    const names = change.conffilesKept;
    lines.push(
      `Conffiles of ${names.join(', ')} stay; gtpkg remove --purge ${names.join(' ')} takes them away.`,
    );
  }
  if (change.missed.length > 0) {
    const some = change.missed.slice(0, MAX_MISSED).map(({ name, relation }) => `${relation} (by ${name})`);
    const more = change.missed.length - some.length;
    lines.push(
      printable(`Recommended, but not to be had: ${some.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`),
    );
  }
  if (change.autoremovable.length > 0) {
    const names = change.autoremovable;
    lines.push(
      `No longer needed: ${names.join(', ')}. gtpkg autoremove takes ${names.length === 1 ? 'it' : 'them'} away.`,
    );
  }
  if (change.steps.length > 0) {
    const space =
      change.sizeChange >= 0
        ? `${size(change.sizeChange)} more on disk`
        : `${size(-change.sizeChange)} freed on disk`;
    const saved = change.savedByDeltas > 0 ? ` (deltas save ${size(change.savedByDeltas)})` : '';
    lines.push(`${size(change.downloadSize)} to fetch${saved}, ${space}.`);
  }
  return lines.join('\n');
}

// What was asked for and is there already; who asked for it is remembered.
function standing({ already, dryRun, transaction }: Change): string[] {
  return already.map(({ name, version, marked }) =>
    marked
      ? `${name} ${version} is installed already; it ${dryRun ? 'would be' : 'is'} marked as asked for${transaction === null ? '' : ' now'}.`
      : `${name} ${version} is installed already.`,
  );
}

/** The last words of install, upgrade, remove, autoremove. */
export function renderChange(change: Change): string {
  const said = standing(change);
  if (change.steps.length === 0) {
    const plan = renderPlan(change);
    if (!change.rootExists)
      return [...said, `Nothing to do: nothing was ever installed in ${printable(change.root)}.`].join('\n');
    if (change.purged.length > 0)
      said.push(
        `${change.dryRun ? 'Would remove' : 'Removed'} the conffiles of ${change.purged.join(', ')}.`,
      );
    return [...said, ...(plan === '' ? [] : [plan]), ...(said.length === 0 ? ['Nothing to do.'] : [])].join(
      '\n',
    );
  }
  if (change.dryRun) return [...said, renderPlan(change), 'Nothing was changed (--dry-run).'].join('\n');
  if (change.transaction === null) return 'Nothing was changed.';
  const done = KINDS.flatMap(([kind, , participle]) => {
    const n = change.steps.filter((step) => step.kind === kind).length;
    return n === 0 ? [] : [`${count(n, 'package')} ${participle}`];
  });
  return [...said, `Done: ${done.join(', ')}. Transaction ${change.transaction}.`].join('\n');
}
