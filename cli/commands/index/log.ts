import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { printable } from '../../../model/index.js';
import { logOfIndex, type IndexLogEntry } from '../../workflows/index-views.js';
import { time } from '../../render/time.js';
import { out } from '../../render/colors.js';

export default class IndexLog extends GtpkgCommand<typeof IndexLog, { name: string; log: IndexLogEntry[] }> {
  static override usage = 'index log NAME';
  static override summary = 'Show the signed history of an index, newest first.';
  static override examples = ['<%= config.bin %> index log acme'];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
  };

  protected async work({
    context,
    args,
  }: Call<typeof IndexLog>): Promise<{ name: string; log: IndexLogEntry[] }> {
    return logOfIndex(context, args.name);
  }

  protected render({ log }: { log: IndexLogEntry[] }): string {
    return log
      .map((entry) => {
        const head = `${out.yellow(`${entry.sequence}`)}  ${time(entry.date)}  ${entry.commit.slice(0, 12)}${entry.anchor ? out.dim('  (anchor)') : ''}${entry.pending ? out.yellow('  (pending)') : ''}`;
        const signers = entry.signers.map((signer) => `    signed by ${signer}`);
        return [head, ...signers, ...entry.changes.map((line) => `    ${printable(line)}`)].join('\n');
      })
      .join('\n');
  }
}
