import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderUpdates } from '../../render/updates.js';
import { addSource, type AddedSource } from '../../workflows/sources.js';

export default class SourceAdd extends GtpkgCommand<typeof SourceAdd, AddedSource> {
  static override usage = 'source add INTRODUCTION [--name N] [--dry-run]';
  static override summary = 'Trust a distribution: take its introduction and fetch its index.';
  static override description = `The introduction is the one line that you must get from somebody you trust; everything else is checked against it.
When no peer can be reached the source is kept, and gtpkg update fetches the index later.`;
  static override examples = [
    "<%= config.bin %> source add 'gtpkg://y3kj…#8A2F…'",
    "<%= config.bin %> source add 'gtpkg://y3kj…#8A2F…' --name acme",
  ];
  static override args = {
    introduction: Flags.word({
      description: 'gtpkg://<index core key>[?hints]#<fingerprint>',
      required: true,
    }),
  };
  static override flags = {
    name: Flags.string({ description: 'what to call it here (default: its own name)', helpValue: 'N' }),
  };

  protected async work({ context, args, flags }: Call<typeof SourceAdd>): Promise<AddedSource> {
    return addSource(context, args.introduction, flags.name);
  }

  protected render({ source, update }: AddedSource): string {
    return [
      `Added the source ${source.name}, trusted through ${source.roots.join(', ')}${source.threshold > 1 ? ` (${source.threshold} of them)` : ''}.`,
      renderUpdates([update]),
    ].join('\n');
  }
}
