import { GtpkgCommand, type Call } from '../command.js';
import { table } from '../render/table.js';
import { searchPackages, type SearchResult } from '../workflows/query.js';

export default class Search extends GtpkgCommand<typeof Search, SearchResult> {
  static override usage = 'search WORD...';
  static override summary = 'Find packages by name and description.';
  static override description = 'All words must be found. The best hits come first.';
  static override examples = [
    '<%= config.bin %> search editor',
    '<%= config.bin %> search json command line',
  ];
  static override strict = false;

  protected async work({ context, words }: Call<typeof Search>): Promise<SearchResult> {
    return searchPackages(context, words);
  }

  protected render({ hits, sources }: SearchResult): string {
    if (sources === 0)
      return 'There is no index to search: gtpkg source add INTRODUCTION adds a source, gtpkg update fetches its index.';
    if (hits.length === 0) return 'Nothing matches all of these words.';
    const some = hits.some((hit) => hit.installed);
    return table(
      ['PACKAGE', 'VERSION', 'SOURCE', ...(some ? ['STATE'] : []), 'SUMMARY'],
      hits.map(({ name, version, source, installed, summary }) => [
        name,
        version,
        source,
        ...(some ? [installed ? 'installed' : ''] : []),
        summary,
      ]),
    );
  }
}
