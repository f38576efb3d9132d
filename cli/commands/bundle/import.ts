import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderImported } from '../../render/bundle.js';
import { importBundle, type Imported } from '../../workflows/bundle-import.js';

export default class BundleImport extends GtpkgCommand<typeof BundleImport, Imported> {
  static override usage = 'bundle import FILE [--source INTRODUCTION]... [--releases-only] [--dry-run]';
  static override summary = 'Take indexes and releases from a bundle, checked like a peer.';
  static override description = `All of it is checked as if a peer had sent it. Indexes are judged against the sources of this home; an older one than is known is refused. Of a half-copied bundle the whole parts are
taken, and importing it again takes only the rest. A distribution that is no source yet needs its introduction, from somebody you trust.`;
  static override examples = [
    '<%= config.bin %> bundle import /media/stick/tools',
    "<%= config.bin %> bundle import tools --source 'gtpkg://y3kj…#8A2F…'",
    '<%= config.bin %> bundle import older --releases-only',
  ];
  static override args = { file: Flags.word({ description: 'a bundle', required: true }) };
  static override flags = {
    source: Flags.string({
      description: 'trust a distribution of the bundle through this introduction (repeatable)',
      helpValue: 'INTRODUCTION',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'releases-only': Flags.boolean({
      description: 'leave the indexes as they are, take only releases that they list',
    }),
    'dry-run': Flags.boolean({ description: 'judge it, keep nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof BundleImport>): Promise<Imported> {
    return importBundle(context, args.file, {
      sources: flags.source ?? [],
      releasesOnly: flags['releases-only'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(imported: Imported): string {
    return renderImported(imported);
  }
}
