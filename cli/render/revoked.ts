/** What key revoke prints. */
import type { RevokedKey } from '../workflows/key-revoke.js';
import { pendingNote } from './pending.js';

export function renderRevoked({ fingerprint, dryRun, kind, again, indexes }: RevokedKey): string {
  const what =
    kind === 'hard'
      ? 'all that it ever signed is refused'
      : 'it signs no more; what was listed before stays good';
  const head = dryRun
    ? `Would revoke ${fingerprint}: ${what}.`
    : `${again ? 'Was revoked before' : 'Revoked'}: ${fingerprint}. In an index that says so, ${what}.`;
  const lines = indexes.flatMap(({ name, sequence, root, last, pending }) => [
    `  ${name}: ${dryRun ? 'would say so' : 'says so'} in number ${sequence}`,
    ...(last
      ? [
          `    It was the only root of ${name}, which nobody can sign any more: begin anew with index create or index fork, and give out the new introduction.`,
        ]
      : root
        ? [`    It is a root of ${name} still: gtpkg index roots ${name} --remove ${fingerprint}`]
        : []),
    ...(pending.length > 0 ? pendingNote(name, pending).map((line) => `    ${line}`) : []),
  ]);
  const end =
    indexes.length === 0
      ? [
          `No index kept here names it. gtpkg key export ${fingerprint} prints what others have to import or list.`,
        ]
      : [];
  return [head, ...lines, ...end].join('\n');
}
