import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { signPackage, type SignedRelease } from '../../workflows/packages.js';

export default class PackageSign extends GtpkgCommand<typeof PackageSign, SignedRelease> {
  static override usage = 'package sign NAME VERSION [--key FPR] [--dry-run]';
  static override summary = 'Sign a built release with an OpenPGP key.';
  static override description = 'The signature is an annotated tag that git verify-tag accepts.';
  static override examples = ['<%= config.bin %> package sign hello 2.10-3 --key ada@example.org'];
  static override args = {
    name: Flags.word({ description: 'package, or the path of its repository', required: true }),
    version: Flags.word({ description: 'version of the release', required: true }),
  };
  static override flags = {
    key: Flags.string({
      description: 'signs (default: the only private key of this home)',
      helpValue: 'FPR',
    }),
    architecture: Flags.string({ description: 'where a version has several', helpValue: 'ARCH' }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the key',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'say which key would sign what' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageSign>): Promise<SignedRelease> {
    return signPackage(context, {
      name: args.name,
      version: args.version,
      architecture: flags.architecture,
      key: flags.key,
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(release: SignedRelease): string {
    const { name, version, architecture, signer, tagName, repository } = release;
    const how = !release.changed ? 'was already signed' : release.dryRun ? 'would be signed' : 'is signed';
    return `${name} ${version} (${architecture}) ${how} by ${signer}: tag ${tagName} in ${repository}`;
  }
}
