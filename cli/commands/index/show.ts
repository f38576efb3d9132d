import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { facts } from '../../render/table.js';
import { time, until } from '../../render/time.js';
import { showIndex, type IndexDetails } from '../../workflows/index-views.js';

export default class IndexShow extends GtpkgCommand<typeof IndexShow, IndexDetails> {
  static override usage = 'index show NAME';
  static override summary = 'Show the head of an index: signers, validity, size.';
  static override examples = ['<%= config.bin %> index show acme'];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
  };

  protected async work({ context, args }: Call<typeof IndexShow>): Promise<IndexDetails> {
    return showIndex(context, args.name);
  }

  protected render(index: IndexDetails): string {
    return facts([
      ['Name', index.name],
      ['Sequence', String(index.sequence)],
      ['Date', time(index.date)],
      ['Valid until', until(index.validUntil)],
      ['Suites', index.suites.join(' ')],
      ['Architectures', index.architectures.join(' ')],
      ['Releases', String(index.releases)],
      ['Threshold', `${index.threshold} of ${index.roots.length}`],
      ...index.roots.map((root): [string, string] => ['Root key', root]),
      ['Commit', index.commit],
      ['Forked from', index.forkedFrom ?? undefined],
      ['Introduction', index.introduction],
    ]);
  }
}
