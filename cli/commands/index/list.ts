import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { table, size } from '../../render/table.js';
import { listIndex, type IndexListing } from '../../workflows/index-views.js';

export default class IndexList extends GtpkgCommand<typeof IndexList, IndexListing> {
  static override usage = 'index list [NAME]';
  static override summary = 'List the indexes kept here, or the releases in one.';
  static override examples = ['<%= config.bin %> index list', '<%= config.bin %> index list acme'];
  static override args = { name: Flags.word({ description: 'an index kept here' }) };

  protected async work({ context, args }: Call<typeof IndexList>): Promise<IndexListing> {
    return listIndex(context, args.name);
  }

  protected render(listing: IndexListing): string {
    if (listing.kind === 'indexes') {
      if (listing.indexes.length === 0)
        return 'No index is kept here: gtpkg index create NAME --key FPR starts one.';
      return table(
        ['INDEX', 'SEQUENCE', 'RELEASES', 'INTRODUCTION'],
        listing.indexes.map((index) => [
          index.name,
          String(index.sequence),
          String(index.releases),
          index.introduction,
        ]),
      );
    }
    if (listing.entries.length === 0)
      return `The index ${listing.name} lists nothing yet: gtpkg publish PATH --index ${listing.name} adds packages.`;
    return table(
      ['PACKAGE', 'VERSION', 'ARCH', 'SUITE', 'SIZE', 'SUMMARY'],
      listing.entries.map((entry) => [
        entry.name,
        entry.version,
        entry.architecture,
        entry.suite,
        size(entry.size),
        entry.summary,
      ]),
    );
  }
}
