/** What verify prints: one line a difference. */
import type { Repair } from '../workflows/repair.js';
import type { Verification } from '../workflows/root.js';
import { count, oneLine, size } from './table.js';

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

/** What was put back, what was not, and what is the matter still. */
export function renderRepair(repair: Repair): string {
  const { repaired, left, dryRun, fetched, transaction } = repair;
  const verb = dryRun ? 'would be put back' : 'put back';
  const lines = repaired.map((each) =>
    oneLine(`${each.package}: /${each.path}: ${verb} (${each.kinds.join(', ')})`),
  );
  lines.push(...left.map((each) => oneLine(`${each.package}: /${each.path}: left (${each.why})`)));
  if (dryRun)
    return [...lines, `At most ${size(fetched)} to fetch. Nothing was changed (--dry-run).`].join('\n');
  if (transaction !== null)
    lines.push(
      `Repaired: ${count(repaired.length, 'path')}, ${size(fetched)} fetched. Transaction ${transaction}.`,
    );
  return [...lines, renderVerified(repair)].join('\n');
}
