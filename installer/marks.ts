/** Marks on installed packages: automatic or manual, held or not. A small transaction of its own, in the history like any other. */
import type { Report } from '../model/events.js';
import type { OpenRoot } from './root.js';
import { runTransaction } from './transaction.js';

export interface MarkRequest {
  readonly names: readonly string[];
  /** installed only because something needs it */
  readonly auto?: boolean;
  /** not to be changed by an upgrade */
  readonly held?: boolean;
  readonly command: string;
  readonly now: Date;
  readonly report: Report;
}

/**
 * Sets marks. @returns the names whose marks changed
 * @throws GtpkgError NOT_INSTALLED, and as runTransaction
 */
export async function setMarks(root: OpenRoot, request: MarkRequest): Promise<readonly string[]> {
  const { names, auto, held, command, now, report } = request;
  const marks = { ...(auto === undefined ? {} : { auto }), ...(held === undefined ? {} : { held }) };
  const steps = names.map((name) => ({ kind: 'mark' as const, name, ...marks }));
  const { changes } = await runTransaction(root, { steps, command, now, report, indexCommits: {} });
  return changes.map(({ name }) => name);
}
