import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderSigned } from '../../render/signed.js';
import { signIndex, type Signed } from '../../workflows/index-sign.js';

export default class IndexSign extends GtpkgCommand<typeof IndexSign, Signed> {
  static override usage = 'index sign NAME [--key FPR]... [--in FILE] [--out FILE] [--dry-run]';
  static override summary = 'Sign what another root of an index has proposed.';
  static override description = `Of an index that several roots keep (index create --threshold K), a change is pending until K of them have signed. A root that
follows the index as a source fetches what is pending from its peers, or from a file, and its signature travels back the same way.
Where the index is kept, signatures of the others are taken in, and what has enough of them is published. --dry-run only shows.`;
  static override examples = [
    '<%= config.bin %> index sign acme --dry-run',
    '<%= config.bin %> index sign acme',
    '<%= config.bin %> index sign acme --in proposal --out signed',
  ];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
  };
  static override flags = {
    key: Flags.string({
      description: 'root key (repeatable; default: all that are here and have not signed)',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FPR',
    }),
    in: Flags.string({ description: 'take what --out has written', helpValue: 'FILE' }),
    out: Flags.string({
      description: 'write what is pending, with its signatures',
      helpValue: 'FILE',
    }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the root keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'show what is pending, sign nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof IndexSign>): Promise<Signed> {
    return signIndex(context, {
      name: args.name,
      keys: flags.key ?? [],
      passphraseFile: flags['passphrase-file'],
      from: flags.in,
      to: flags.out,
      dryRun: flags['dry-run'],
    });
  }

  protected render(signed: Signed): string {
    return renderSigned(signed);
  }
}
