/**
 * Why a request cannot be met, and what would make it possible.
 *
 * The reason is a contradiction with nothing left to take away; each way out of it was tried and works, except
 * where only the world outside can help (a package that no source has).
 */
import { minimise } from './core.js';
import { readFacts, type Reason } from './facts.js';
import { findFixes, type Attempt, type Fix } from './fixes.js';
import type { Rules } from './rules.js';
import type { Fact } from './origin.js';
import { clashStatements, join, pathStatements, requestSentence } from './sentences.js';

/** A proof that there is no solution, for people and as data. */
export interface Explanation {
  /** at most five, the last one says what would fix it */
  readonly sentences: readonly string[];
  readonly fixes: readonly Fix[];
  readonly reasons: readonly Reason[];
  /** whether every reason is known to be necessary; false only for enormous proofs */
  readonly minimal: boolean;
}

/** Explains a contradiction that `rules` led to; `attempt` tries changed requests. */
export function explain(facts: readonly Fact[], rules: Rules, attempt: Attempt): Explanation {
  const core = minimise(facts);
  const reasons = readFacts(core.facts, rules);
  const roots = reasons.flatMap((reason) =>
    reason.kind === 'asked' || reason.kind === 'kept' ? [reason.name] : [],
  );
  const [first, ...others] = pathStatements(reasons, roots, rules);
  const fixes = findFixes(reasons, rules, attempt);
  const sentences = [
    requestSentence(reasons, rules),
    first ?? '',
    join(others),
    join(clashStatements(reasons)),
    fixes.length === 0 ? '' : `To get further, ${fixes.map(({ text }) => text).join(', or ')}`,
  ];
  return Object.freeze({
    sentences: Object.freeze(
      sentences
        .filter((sentence) => sentence !== '')
        .map((sentence) => `${sentence.replace(/^only /, 'Only ')}.`),
    ),
    fixes: Object.freeze(fixes),
    reasons: Object.freeze(reasons),
    minimal: core.minimal,
  });
}

/** Why one release cannot be had, as one sentence without the final stop. */
export function explainRelease(facts: readonly Fact[], name: string, rules: Rules): string {
  const reasons = readFacts(minimise(facts).facts, rules);
  const paths = pathStatements(reasons, [name], rules);
  const statements = [...paths, ...clashStatements(reasons)];
  if (statements.length > 0) return join(statements);
  return join(
    reasons.flatMap((reason) =>
      reason.kind === 'kept' ? [`${reason.name} has to stay at ${reason.version}`] : [],
    ),
  );
}
