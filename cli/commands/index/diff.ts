import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderDifference } from '../../render/pending.js';
import { diffOfIndex, type IndexDiff as Diff } from '../../workflows/index-views.js';

export default class IndexDiff extends GtpkgCommand<typeof IndexDiff, Diff> {
  static override usage = 'index diff NAME A [B]';
  static override summary = 'Show what differs between two states of an index.';
  static override description =
    'Told from their contents: releases, keys, roots, suites. A and B are numbers as index log shows them, or commits; B is the newest one when it is left out.';
  static override examples = ['<%= config.bin %> index diff acme 6 7', '<%= config.bin %> index diff acme 6'];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
    a: Flags.word({ description: 'number or commit of the older state', required: true }),
    b: Flags.word({ description: 'number or commit of the newer one' }),
  };

  protected async work({ context, args }: Call<typeof IndexDiff>): Promise<Diff> {
    return diffOfIndex(context, args.name, { from: args.a, to: args.b });
  }

  protected render({ name, from, to, differences }: Diff): string {
    if (differences.length === 0) return `Nothing differs between ${from} and ${to} of ${name}.`;
    return differences.map(renderDifference).join('\n');
  }
}
