import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderAdded } from '../../render/updates.js';
import { previewSource } from '../../workflows/introduction.js';
import { addSource, type AddedSource } from '../../workflows/sources.js';

/** With `dryRun` nothing was fetched: there is no update, and no name unless one was chosen. */
type Added = { readonly dryRun: boolean; readonly update: AddedSource['update'] | null } & Pick<
  AddedSource,
  'source'
>;

export default class SourceAdd extends GtpkgCommand<typeof SourceAdd, Added> {
  static override usage = 'source add INTRODUCTION [--name N] [--dry-run]';
  static override summary = 'Trust a distribution, and fetch its index.';
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
    'dry-run': Flags.boolean({ description: 'say what would be trusted, fetch and keep nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof SourceAdd>): Promise<Added> {
    const { introduction } = args;
    if (flags['dry-run'])
      return { ...(await previewSource(context, introduction, flags.name)), dryRun: true, update: null };
    return { ...(await addSource(context, introduction, flags.name)), dryRun: false };
  }

  protected render({ source, update }: Added): string {
    return renderAdded(source, update);
  }
}
