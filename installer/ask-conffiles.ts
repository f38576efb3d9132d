/**
 * Asks about conffiles that the user and the package changed, once everything is staged and before the root changes: whoever answers with ^C
 * has lost nothing.
 */
import type { ComposeContext } from './compose.js';
import { conffileDecisions, keptConffiles } from './conffile-decisions.js';
import type { ConffilePolicy } from './conffiles.js';

/** A conffile that both sides changed. */
export interface ConffileQuestion {
  readonly package: string;
  /** as people write it */
  readonly path: string;
  /** where the two versions can be read: absolute paths, as bytes */
  readonly yours: Buffer;
  readonly theirs: Buffer;
}

export type AskConffile = (question: ConffileQuestion) => Promise<ConffilePolicy>;

/** Fills in `context.answers`. @throws what `ask` throws; the system's errors */
export async function askConffiles(context: ComposeContext, ask: AskConffile): Promise<void> {
  const decisions = await conffileDecisions(context);
  for (const [placement, decision] of decisions) {
    const question = keptConffiles(new Map([[placement, decision]]))[0];
    if (question === undefined) continue;
    const { path, staged } = placement;
    const [yours, theirs] = [context.disk.at(path), context.disk.at(staged)];
    context.answers.set(path, await ask({ package: question.package, path: question.path, yours, theirs }));
  }
}
