import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { table } from '../render/table.js';
import { searchPackages, type SearchResult } from '../workflows/query.js';

export default class Search extends GtpkgCommand<typeof Search, SearchResult> {
  static override usage = 'search WORD...';
  static override summary = 'Find packages by name and description.';
  static override description =
    'All words must be found, in names, summaries or descriptions: as whole words, as their beginnings or parts, or, when there is no such word, nearly so. The best hits come first.';
  static override examples = [
    '<%= config.bin %> search editor',
    '<%= config.bin %> search json command line --limit 10',
  ];
  static override flags = {
    limit: Flags.integer({ description: 'show so many hits, the best', min: 1, helpValue: 'N' }),
  };
  static override strict = false;

  protected async work({ context, words, flags }: Call<typeof Search>): Promise<SearchResult> {
    return searchPackages(context, words, flags.limit);
  }

  protected render({ hits, found, sources }: SearchResult): string {
    if (sources === 0)
      return 'There is no index to search: gtpkg source add INTRODUCTION adds a source, gtpkg update fetches its index.';
    if (hits.length === 0) return 'Nothing matches all of these words.';
    const some = hits.some((hit) => hit.installed);
    const rows = table(
      ['PACKAGE', 'VERSION', 'SOURCE', ...(some ? ['STATE'] : []), 'SUMMARY'],
      hits.map(({ name, version, source, installed, summary }) => [
        name,
        version,
        source,
        ...(some ? [installed ? 'installed' : ''] : []),
        summary,
      ]),
    );
    return found > hits.length ? `${rows}\n… and ${found - hits.length} more` : rows;
  }
}
