/** What source accept prints: two commits with one number, and what was decided. */
import { printable } from '../../model/bytes.js';
import type { Accepted, TwoHistories } from '../workflows/histories.js';
import { oneLine } from './table.js';
import { time } from './time.js';

/** Changes shown of either side. */
const SHOWN = 10;

export function renderAccepted({ source, accepted, begunAnew, dryRun, histories }: Accepted): string {
  if (accepted === null) {
    if (histories.length === 0)
      return `The roots of ${source} have signed one history, as far as is known here.`;
    return histories.map((each) => shown(source, each)).join('\n\n');
  }
  const would = dryRun ? 'would go' : 'goes';
  const next = begunAnew
    ? ` What was known of it ${dryRun ? 'would be' : 'was'} forgotten: gtpkg update ${source} fetches it anew.`
    : '';
  return printable(
    `${source} ${would} on with ${accepted}; the other history is refused from now on.${next}`,
  );
}

function shown(source: string, { sequence, sides, accepted }: TwoHistories): string {
  const lines = sides.flatMap((side) => [
    `  ${side.commit}${side.date === null ? '' : `  ${time(side.date)}`}${side.known ? '  (known here)' : ''}${side.commit === accepted ? '  (accepted)' : ''}`,
    ...side.signers.map((signer) => `    signed by ${signer}`),
    ...side.changes.slice(0, SHOWN).map((line) => `    ${oneLine(line)}`),
    ...(side.changes.length > SHOWN ? [`    and ${side.changes.length - SHOWN} more`] : []),
  ]);
  const end =
    accepted === null
      ? [`Ask the makers of ${source} which is the true one, then: gtpkg source accept ${source} COMMIT`]
      : [];
  return [`The roots of ${source} signed two states with the number ${sequence}:`, ...lines, ...end].join(
    '\n',
  );
}
