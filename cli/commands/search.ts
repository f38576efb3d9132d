import { GtpkgCommand, type Call } from '../command.js';
import { table } from '../render/table.js';
import { searchPackages, type SearchHit } from '../workflows/query.js';

export default class Search extends GtpkgCommand<typeof Search, { hits: SearchHit[] }> {
  static override summary = 'Find packages by name and description.';
  static override examples = [
    '<%= config.bin %> search editor',
    '<%= config.bin %> search json command line',
  ];
  static override strict = false;
  static override usage = ['search WORD...'];

  protected async work({ context, words }: Call<typeof Search>): Promise<{ hits: SearchHit[] }> {
    return { hits: await searchPackages(context, words) };
  }

  protected render({ hits }: { hits: SearchHit[] }): string {
    if (hits.length === 0) return 'Nothing matches all of these words.';
    return table(
      ['PACKAGE', 'VERSION', 'SOURCE', 'SUMMARY'],
      hits.map((hit) => [hit.installed ? `${hit.name} *` : hit.name, hit.version, hit.source, hit.summary]),
    );
  }
}
