/** What publish and index add print. */
import type { Published } from '../workflows/enlist.js';
import { pendingNote } from './pending.js';
import { count, size } from './table.js';

export function renderPublished(published: Published): string {
  const { index, suite, releases, dryRun, sequence, changed, introduction, pending } = published;
  const lines = releases.map((each) => {
    const what = each.state === 'unchanged' ? 'as before' : dryRun ? 'would be listed' : size(each.size);
    return `  ${each.name} ${each.version} (${each.architecture})  ${what}`;
  });
  const fresh = releases.filter((each) => each.state !== 'unchanged').length;
  const head = !dryRun
    ? changed
      ? pending.length > 0
        ? `Proposed ${count(fresh, 'release')} for ${index}/${suite}, as number ${sequence}:`
        : `Listed ${count(fresh, 'release')} in ${index}/${suite}, now at sequence ${sequence}:`
      : `Nothing changed in ${index}/${suite}; it stays at sequence ${sequence}:`
    : fresh > 0
      ? `Would list ${count(fresh, 'release')} in ${index}/${suite}:`
      : `Nothing would change in ${index}/${suite}:`;
  const tail = dryRun
    ? []
    : pending.length > 0
      ? ['', ...pendingNote(index, pending)]
      : [
          '',
          `Users add it with: gtpkg source add '${introduction}'`,
          'Peers get it while gtpkg seed runs here.',
        ];
  return [head, ...lines, ...tail].join('\n');
}
