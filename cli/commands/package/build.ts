import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderBuilt } from '../../render/built.js';
import { buildFrom, type BuiltRelease } from '../../workflows/build.js';

export default class PackageBuild extends GtpkgCommand<typeof PackageBuild, BuiltRelease> {
  static override usage = 'package build DIR [--repo R.git] [--dry-run]';
  static override summary = 'Build a release from a directory.';
  static override description = `The directory has control and data/, and may have conffiles and scripts/. The release becomes a commit in the bare git repository of the package.
Building the same directory twice changes nothing.`;
  static override examples = [
    '<%= config.bin %> package build ./hello',
    '<%= config.bin %> package build ./hello --repo hello.git',
  ];
  static override args = { dir: Flags.word({ description: 'what to build', required: true }) };
  static override flags = {
    repo: Flags.string({ description: 'the package repository (default: in the home)', helpValue: 'R.git' }),
    'dry-run': Flags.boolean({ description: 'read and check it, write nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageBuild>): Promise<BuiltRelease> {
    return buildFrom(context, args.dir, { repo: flags.repo, dryRun: flags['dry-run'] });
  }

  protected render(release: BuiltRelease): string {
    return renderBuilt(release);
  }
}
