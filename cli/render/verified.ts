/** What verify prints: one line a difference. */
import { printable } from '../../model/index.js';
import type { Verification } from '../workflows/root.js';
import { count } from './table.js';

export function renderVerified({ differences, packages, ok }: Verification): string {
  const lines = differences.map((each) =>
    printable(
      `${each.package}: /${each.path}: ${each.kind === 'missing' ? 'missing' : `${each.kind} is ${each.actual}, signed is ${each.expected}`}${each.conffile ? ' (conffile, yours to change)' : ''}`,
    ),
  );
  const checked = count(packages, 'package');
  return [
    ...lines,
    ok
      ? `All as signed: ${checked}.`
      : `${count(differences.filter((each) => !each.conffile).length, 'difference')} from the signed manifests (${checked}).`,
  ].join('\n');
}
