import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderExplanation } from '../../render/trust.js';
import { explainTrust, type Explanation } from '../../workflows/trust-explain.js';
import { findPerson } from '../../workflows/trust-people.js';

export default class TrustTest extends GtpkgCommand<typeof TrustTest, Explanation> {
  static override usage =
    'trust test PKG[=VERSION][@SOURCE] [--set NAME=VALUE] [--signer FPR] [--policy FILE] [--index-policy FILE]';
  static override summary = 'Show what would become of a release if things were otherwise.';
  static override description =
    'Judges a listed release with other attributes, signers or policies, and changes nothing. The first --signer signs, the others co-sign. Assertions of --index-policy count as if they were signed.';
  static override examples = [
    '<%= config.bin %> trust test openssl --set cosigners=2',
    '<%= config.bin %> trust test hello --policy draft --set date=20290101000000',
    '<%= config.bin %> trust test hello --index-policy hello.kn --signer bob@example.org',
  ];
  static override args = {
    pkg: Flags.word({ description: 'PKG, PKG=VERSION, PKG/SUITE, PKG@SOURCE', required: true }),
  };
  static override flags = {
    set: Flags.string({
      description: 'an attribute (repeatable)',
      helpValue: 'NAME=VALUE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    signer: Flags.string({
      description: 'who signs (repeatable)',
      helpValue: 'FPR',
      multiple: true,
      multipleNonGreedy: true,
    }),
    policy: Flags.string({ description: 'a policy in place of yours', helpValue: 'FILE' }),
    'index-policy': Flags.string({
      description: 'assertions of the index (repeatable)',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  protected async work({ context, args, flags }: Call<typeof TrustTest>): Promise<Explanation> {
    const signers = await Promise.all((flags.signer ?? []).map((each) => findPerson(context, each)));
    return explainTrust(context, args.pkg, {
      set: flags.set ?? [],
      signers: signers.length === 0 ? undefined : signers.map(({ fingerprint }) => fingerprint),
      policy: flags.policy,
      delegations: flags['index-policy'] ?? [],
    });
  }

  protected render(explanation: Explanation): string {
    return renderExplanation(explanation);
  }
}
