import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderPending, waiting } from '../../render/pending.js';
import { facts } from '../../render/table.js';
import { time, until } from '../../render/time.js';
import { showIndex, type IndexDetails } from '../../workflows/index-views.js';

export default class IndexShow extends GtpkgCommand<typeof IndexShow, IndexDetails> {
  static override usage = 'index show NAME [--pending]';
  static override summary = 'Show the head of an index: signers, validity, size.';
  static override description =
    'With --pending: what waits for signatures of other roots, and what it would change, told from its contents.';
  static override examples = [
    '<%= config.bin %> index show acme',
    '<%= config.bin %> index show acme --pending',
  ];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
  };

  static override flags = {
    pending: Flags.boolean({ description: 'show what waits for signatures' }),
  };
  #pending = false;

  protected async work({ context, args, flags }: Call<typeof IndexShow>): Promise<IndexDetails> {
    this.#pending = flags.pending;
    return showIndex(context, args.name, { pending: flags.pending });
  }

  protected render(index: IndexDetails): string {
    if (this.#pending) return renderPending(index.name, index.pending);
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
      ['Pending', index.pending.length === 0 ? undefined : waiting(index.pending)],
    ]);
  }
}
