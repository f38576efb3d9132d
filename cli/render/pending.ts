/** Pending changes of an index: what waits, for whom, and what it would change. */
import { printable } from '../../model/bytes.js';
import type { IndexDifference } from '../../index-repo/index.js';
import type { PendingSummary } from '../workflows/pending.js';
import { oneLine } from './table.js';

/** Differences that are printed of one commit; `--json` has them all. */
const SHOWN = 40;

/** `number 7 has 1 of 2 signatures`. */
export function waiting(pending: readonly PendingSummary[]): string {
  return pending.map(oneWaiting).join('; ');
}

function oneWaiting({ sequence, threshold, needed }: PendingSummary): string {
  return needed === 0
    ? `number ${sequence} has its signatures and waits for the one before`
    : `number ${sequence} has ${threshold - needed} of ${threshold} signatures`;
}

/** What a command says that made something pending. */
export function pendingNote(name: string, pending: readonly PendingSummary[]): string[] {
  const missing = [...new Set(pending.flatMap((each) => each.missing))];
  return [
    `Pending: ${waiting(pending)}. Nobody follows it until enough of these have signed, too:`,
    ...missing.map((root) => `  ${root}`),
    `While gtpkg seed runs here, they see it with gtpkg index sign ${name} --dry-run and sign with gtpkg index sign ${name};`,
    `without a network, gtpkg index sign ${name} --out FILE writes it for them.`,
  ];
}

/** What index show --pending prints. */
export function renderPending(name: string, pending: readonly PendingSummary[]): string {
  if (pending.length === 0) return `Nothing is pending in ${name}.`;
  return printable(pending.map(onePending).join('\n\n'));
}

function onePending(pending: PendingSummary): string {
  const { commit, sequence, signers, missing, differences, changes } = pending;
  const told = differences ?? [];
  return [
    `Number ${sequence}, ${commit}: ${oneWaiting(pending).replace(/^number \d+ /, '')}`,
    ...signers.map((signer) => `  signed by     ${signer}`),
    ...missing.map((root) => `  not signed by ${root}`),
    ...(differences === null ? changes.map((line) => `  ${oneLine(line)}`) : []),
    ...told.slice(0, SHOWN).map((each) => `  ${renderDifference(each)}`),
    ...(told.length > SHOWN ? [`  and ${told.length - SHOWN} more`] : []),
  ].join('\n');
}

const SIGN = { added: '+', removed: '-', changed: '~' } as const;

/** One line. */
export function renderDifference({ kind, what, name, before, after }: IndexDifference): string {
  const noun = { release: '', key: 'key ', roots: '', field: '', file: 'file ' }[what];
  const from = before === null || kind !== 'changed' ? '' : `${before} → `;
  const value = kind === 'removed' ? (before ?? '') : `${from}${after ?? ''}`;
  return oneLine(`${SIGN[kind]} ${noun}${name}${value === '' ? '' : `: ${value}`}`);
}
