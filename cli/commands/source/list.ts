import { GtpkgCommand, type Call } from '../../command.js';
import { table } from '../../render/table.js';
import { until } from '../../render/time.js';
import { listSourceSummaries, type SourceSummary } from '../../workflows/trusted-source.js';

export default class SourceList extends GtpkgCommand<typeof SourceList, { sources: SourceSummary[] }> {
  static override usage = 'source list';
  static override summary = 'List the distributions this machine uses.';
  static override examples = ['<%= config.bin %> source list'];

  protected async work({ context }: Call<typeof SourceList>): Promise<{ sources: SourceSummary[] }> {
    return { sources: await listSourceSummaries(context) };
  }

  protected render({ sources }: { sources: SourceSummary[] }): string {
    if (sources.length === 0) return 'No sources yet: gtpkg source add INTRODUCTION adds one.';
    const open = sources.filter((source) => source.undecided);
    const rows = table(
      ['SOURCE', 'SEQUENCE', 'VALID UNTIL', 'ROOT KEYS'],
      sources.map((source) => [
        source.name,
        (source.sequence === null ? 'not fetched' : String(source.sequence)) +
          (source.undecided ? ', two histories' : ''),
        source.validUntil === null ? '' : until(source.validUntil),
        source.roots.join(' '),
      ]),
    );
    return [
      rows,
      ...open.map(({ name }) => `${name} stands still until you decide: gtpkg source accept ${name}`),
    ].join('\n');
  }
}
