import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRelease } from '../../render/release.js';
import { showPackage, type ReleaseDetails } from '../../workflows/packages.js';

export default class PackageShow extends GtpkgCommand<typeof PackageShow, ReleaseDetails> {
  static override usage = 'package show NAME [VERSION]';
  static override summary = 'Show a release in a package repository.';
  static override description =
    'Control, scripts, conffiles, paths and signature, as they stand there, unchecked.';
  static override examples = [
    '<%= config.bin %> package show hello',
    '<%= config.bin %> package show hello.git 2.10-3',
  ];
  static override args = {
    name: Flags.word({ description: 'package, or the path of its repository', required: true }),
    version: Flags.word({ description: 'version (default: the newest)' }),
  };
  static override flags = {
    architecture: Flags.string({ description: 'where a version has several', helpValue: 'ARCH' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageShow>): Promise<ReleaseDetails> {
    return showPackage(context, { name: args.name, version: args.version, architecture: flags.architecture });
  }

  protected render(release: ReleaseDetails): string {
    return renderRelease(release);
  }
}
