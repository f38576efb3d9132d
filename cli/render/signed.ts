/** What index sign prints. */
import { printable } from '../../model/bytes.js';
import type { Signed } from '../workflows/index-sign.js';
import { pendingNote, renderPending } from './pending.js';
import { count } from './table.js';

export function renderSigned(result: Signed): string {
  const { index, role, dryRun, signed, by, taken, published, pending, peers, file } = result;
  if (dryRun) return renderPending(index, pending);
  const lines: string[] = [];
  if (taken > 0) lines.push(`Took in ${count(taken, 'signature')} of other roots.`);
  if (signed.length > 0)
    lines.push(
      `Signed ${signed.length === 1 ? 'number' : 'numbers'} ${signed.join(', ')} of ${index} with ${by.join(', ')}.`,
    );
  if (published > 0) lines.push(`Published ${count(published, 'change')}: enough roots have signed.`);
  if (role === 'root' && signed.length > 0) {
    if (peers === 0) lines.push('Nobody took the signature yet; it travels while gtpkg seed runs here.');
    else if (peers !== null) lines.push(`${count(peers, 'peer')} took the signature.`);
  }
  if (file !== null)
    lines.push(`Wrote ${file}: the others take it with gtpkg index sign ${index} --in FILE.`);
  if (role === 'keeper' && pending.length > 0) lines.push(...pendingNote(index, pending));
  if (role === 'root' && pending.length > 0 && signed.length === 0)
    lines.push(`What is pending in ${index} has your signature already.`);
  if (lines.length === 0) lines.push(`Nothing is pending in ${index}.`);
  return printable(lines.join('\n'));
}
