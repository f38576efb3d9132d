import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { buildPackage, type BuiltRelease } from '../../workflows/packages.js';

export default class PackageBuild extends GtpkgCommand<typeof PackageBuild, BuiltRelease> {
  static override usage = 'package build DIR [--repo R.git] [--dry-run]';
  static override summary = 'Build a release from a directory with control, data/, scripts/ and conffiles.';
  static override description =
    'The release becomes a commit in the bare git repository of the package. Building the same directory twice changes nothing.';
  static override examples = [
    '<%= config.bin %> package build ./hello',
    '<%= config.bin %> package build ./hello --repo hello.git',
  ];
  static override args = { dir: Flags.word({ description: 'what to build', required: true }) };
  static override flags = {
    repo: Flags.string({ description: 'the package repository (default: in the home)', helpValue: 'R.git' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageBuild>): Promise<BuiltRelease> {
    return buildPackage(context, args.dir, flags.repo);
  }

  protected render(release: BuiltRelease): string {
    return `${release.name} ${release.version} (${release.architecture}) is commit ${release.commit} in ${release.repository}${release.changed ? '' : ', as before'}`;
  }
}
