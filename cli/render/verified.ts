/** What verify prints: one line a difference. */
import type { Verification } from '../workflows/root.js';
import { count, oneLine } from './table.js';

export function renderVerified({ root, differences, packages, ok }: Verification): string {
  if (packages === 0) return `Nothing is installed in ${oneLine(root)}.`;
  const lines = differences.map((each) =>
    oneLine(
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
