/**
 * What became of transactions that did not simply succeed: taken back, or finished by a later process. A help for people beside the history, which
 * holds what happened to the root; nothing is decided by it. docs/formats/root-state.md §outcomes.
 *
 * One line of JSON each, appended when all is over. Written as well as can be: a full disk or a kill costs the note and nothing else.
 */
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { joinPath } from '../model/bytes.js';
import { MAX_OUTCOMES } from '../model/limits.js';
import type { Disk } from './disk.js';
import { actor, historyCommand } from './history.js';
import { readStateFile, statePaths, type StatePaths } from './state.js';

/** One of them. */
export interface Outcome {
  /** number that it had, or would have had */
  readonly id: number;
  /** ISO 8601, UTC: when it was over */
  readonly date: string;
  readonly command: string;
  /** who noticed */
  readonly user: string;
  /** `undone`: the root is as before; `recovered`: it was killed after all was in place, and finished later */
  readonly result: 'undone' | 'recovered';
  /** for people; '' when it was killed */
  readonly why: string;
}

const NAME = 'outcomes';

/** Notes an outcome. Never throws. */
export function noteOutcome(
  disk: Disk,
  state: StatePaths,
  { id, command, result, why }: Pick<Outcome, 'id' | 'command' | 'result' | 'why'>,
): void {
  const date = new Date().toISOString();
  const { user } = actor();
  const outcome: Outcome = {
    id,
    date,
    command: historyCommand(command),
    user,
    result,
    why: historyCommand(why),
  };
  const line = `${JSON.stringify(outcome)}\n`;
  const path = disk.at(joinPath(state.top, NAME));
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) + line.length > MAX_OUTCOMES) {
      const lines = readOutcomes(disk.root).map((each) => `${JSON.stringify(each)}\n`);
      writeFileSync(path, `${lines.slice(lines.length >> 1).join('')}${line}`);
    } else appendFileSync(path, line, { mode: 0o644 });
  } catch {
    // see above
  }
}

/** All that were noted, oldest first. Lines that cannot be read are left out. @throws GtpkgError PERMISSION, IO_ERROR, LIMIT_EXCEEDED */
export function readOutcomes(dir: string): Outcome[] {
  const text = readStateFile(dir, joinPath(statePaths(dir).top, NAME))?.toString('utf8') ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      const { id, date, command, user, result, why } = JSON.parse(line) as Outcome;
      const whole =
        Number.isSafeInteger(id) &&
        [date, command, user, why].every((each) => typeof each === 'string') &&
        (result === 'undone' || result === 'recovered');
      return whole ? { id, date, command, user, result, why } : [];
    } catch {
      return [];
    }
  });
}
