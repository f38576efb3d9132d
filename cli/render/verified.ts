/** What verify prints: one line a difference. */
import type { Verification } from '../workflows/root.js';
import { count, oneLine } from './table.js';

const SHOWN_EXTRA = 20;

export function renderVerified({ root, differences, packages, ok, extra, moreExtra }: Verification): string {
  if (packages === 0) return `Nothing is installed in ${oneLine(root)}.`;
  const lines = differences.map((each) => {
    const place = each.diverted === null ? '' : ` (diverted to /${each.diverted})`;
    const what =
      each.kind === 'missing' ? 'missing' : `${each.kind} is ${each.actual}, signed is ${each.expected}`;
    return oneLine(
      `${each.package}: /${each.path}${place}: ${what}${each.conffile ? ' (conffile, yours to change)' : ''}`,
    );
  });
  const shown = extra
    .slice(0, SHOWN_EXTRA)
    .map(({ path, kind }) => oneLine(`/${path}: a ${kind} of no package`));
  const hidden = extra.length - shown.length;
  if (hidden > 0)
    shown.push(`and ${hidden}${moreExtra ? ' or more' : ''} others of no package (--json has them)`);
  const checked = count(packages, 'package');
  return [
    ...lines,
    ...shown,
    ok
      ? `All as signed: ${checked}.`
      : `${count(differences.filter((each) => !each.conffile).length, 'difference')} from the signed manifests (${checked}).`,
  ].join('\n');
}
