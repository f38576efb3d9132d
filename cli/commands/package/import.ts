import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { importPackages, type BuiltRelease } from '../../workflows/packages.js';

export default class PackageImport extends GtpkgCommand<typeof PackageImport, { releases: BuiltRelease[] }> {
  static override usage = 'package import FILE.deb... [--repo R.git] [--dry-run]';
  static override summary = 'Turn Debian binary packages into releases.';
  static override description =
    'Each .deb becomes a commit in the bare git repository of its package; owners, modes, set-uid bits, links, conffiles and scripts are kept.';
  static override examples = [
    '<%= config.bin %> package import hello_2.10-3_amd64.deb',
    '<%= config.bin %> package import *.deb',
  ];
  static override strict = false;
  static override flags = {
    repo: Flags.string({ description: 'the package repository (default: in the home)', helpValue: 'R.git' }),
  };

  protected async work({
    context,
    words,
    flags,
  }: Call<typeof PackageImport>): Promise<{ releases: BuiltRelease[] }> {
    return { releases: await importPackages(context, words, flags.repo) };
  }

  protected render({ releases }: { releases: BuiltRelease[] }): string {
    return releases
      .map(
        (release) =>
          `${release.name} ${release.version} (${release.architecture}) is commit ${release.commit} in ${release.repository}${release.changed ? '' : ', as before'}`,
      )
      .join('\n');
  }
}
