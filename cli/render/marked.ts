/** What hold, unhold and mark print: one line a package. */
import type { Marked } from '../workflows/root.js';

/** @param said - of one that is marked now, of one that was marked so before, of one that would be marked */
export function renderMarked(
  { dryRun, packages, changed }: Marked,
  said: { readonly now: string; readonly before: string; readonly would: string },
): string {
  return packages
    .map((name) => `${name} ${!changed.includes(name) ? said.before : dryRun ? said.would : said.now}.`)
    .join('\n');
}
