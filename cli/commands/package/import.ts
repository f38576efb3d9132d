import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderBuilt } from '../../render/built.js';
import { importPackages, type BuiltRelease } from '../../workflows/build.js';

export default class PackageImport extends GtpkgCommand<typeof PackageImport, { releases: BuiltRelease[] }> {
  static override usage = 'package import FILE.deb... [--repo R.git] [--dry-run]';
  static override summary = 'Turn Debian binary packages into releases.';
  static override description =
    'Each .deb becomes a commit in the bare git repository of its package; owners, modes, set-uid bits, extended attributes, links, conffiles and scripts are kept.';
  static override examples = [
    '<%= config.bin %> package import hello_2.10-3_amd64.deb',
    '<%= config.bin %> package import *.deb',
  ];
  static override strict = false;
  static override flags = {
    repo: Flags.string({ description: 'the package repository (default: in the home)', helpValue: 'R.git' }),
    'dry-run': Flags.boolean({ description: 'read and check them, write nothing' }),
  };

  protected async work(call: Call<typeof PackageImport>): Promise<{ releases: BuiltRelease[] }> {
    const { context, words, flags } = call;
    const options = { repo: flags.repo, dryRun: flags['dry-run'] };
    return { releases: await importPackages(context, words, options) };
  }

  protected render({ releases }: { releases: BuiltRelease[] }): string {
    return releases.map(renderBuilt).join('\n');
  }
}
