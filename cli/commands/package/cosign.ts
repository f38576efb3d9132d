import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { cosignPackage, type CosignedRelease } from '../../workflows/cosign.js';

export default class PackageCosign extends GtpkgCommand<typeof PackageCosign, CosignedRelease> {
  static override usage = 'package cosign NAME VERSION [--key FPR] [--out FILE] | NAME VERSION --in FILE';
  static override summary = 'Say with a key of yours that a signed release is what it claims.';
  static override description = `A co-signature is one more annotated tag that git verify-tag accepts. The maintainer's signature is checked first. In a clone
(gtpkg clone), --out writes it for whoever lists the release; there --in takes it, and gtpkg publish puts it into the index.`;
  static override examples = [
    '<%= config.bin %> package cosign hello 2.10-3 --key bob@example.org',
    '<%= config.bin %> package cosign ./hello/.git 2.10-3 --out hello.cosign',
    '<%= config.bin %> package cosign hello 2.10-3 --in hello.cosign',
  ];
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
    in: Flags.string({
      description: 'take a co-signature that --out has written',
      helpValue: 'FILE',
      exclusive: ['key', 'out'],
    }),
    out: Flags.string({ description: 'write the co-signature', helpValue: 'FILE' }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the key',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'check, and say which key would sign' }),
  };

  protected async work({ context, args, flags }: Call<typeof PackageCosign>): Promise<CosignedRelease> {
    return cosignPackage(context, {
      name: args.name,
      version: args.version,
      architecture: flags.architecture,
      key: flags.key,
      passphraseFile: flags['passphrase-file'],
      from: flags.in,
      to: flags.out,
      dryRun: flags['dry-run'],
    });
  }

  protected render(release: CosignedRelease): string {
    const { name, version, architecture, signer, tagName, repository, changed, dryRun, file } = release;
    const how = dryRun ? 'would be co-signed' : changed ? 'is co-signed' : 'was co-signed already';
    const end =
      file === null
        ? ''
        : `\nWrote ${file}: whoever lists it takes it with gtpkg package cosign ${name} ${version} --in FILE.`;
    return `${name} ${version} (${architecture}) ${how} by ${signer}: tag ${tagName} in ${repository}${end}`;
  }
}
