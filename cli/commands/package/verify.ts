import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRelease } from '../../render/release.js';
import { verifyPackage, type ReleaseDetails } from '../../workflows/packages.js';

export default class PackageVerify extends GtpkgCommand<typeof PackageVerify, ReleaseDetails> {
  static override usage = 'package verify NAME [VERSION]';
  static override summary = 'Check a release in a package repository, every byte.';
  static override description =
    'Objects, signature, manifest and every file, as a client would. The key that signed must be in this home.';
  static override examples = [
    '<%= config.bin %> package verify hello',
    '<%= config.bin %> package verify hello.git 2.10-3',
  ];
  static override args = {
    name: Flags.word({ description: 'package, or the path of its repository', required: true }),
    version: Flags.word({ description: 'version (default: the newest)' }),
  };
  static override flags = {
    architecture: Flags.string({ description: 'where a version has several', helpValue: 'ARCH' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageVerify>): Promise<ReleaseDetails> {
    return verifyPackage(context, {
      name: args.name,
      version: args.version,
      architecture: flags.architecture,
    });
  }

  protected render(release: ReleaseDetails): string {
    return renderRelease(release);
  }
}
