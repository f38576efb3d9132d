import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRule } from '../../render/trust.js';
import { findPerson } from '../../workflows/trust-people.js';
import { addRule, cosignerRule, dropRule, type RuleChange } from '../../workflows/trust-rules.js';
import { someWords } from '../../workflows/versions.js';

export default class TrustRequire extends GtpkgCommand<typeof TrustRequire, RuleChange> {
  static override usage = 'trust require GLOB... [--cosigners N] [--from FPR] [--undo] [--dry-run]';
  static override summary = 'Take packages only with so many co-signatures.';
  static override description =
    'Co-signers are counted by primary key, the signer left out. Without --from any key that the index vouches for counts; with it, only the people named, and the signer if he is one of them.';
  static override examples = [
    '<%= config.bin %> trust require openssl --cosigners 2',
    "<%= config.bin %> trust require 'linux-*' --cosigners 1 --from ada@example.org --from bob@example.org",
    '<%= config.bin %> trust require openssl --undo',
  ];
  static override strict = false;
  static override flags = {
    cosigners: Flags.integer({ description: 'how many (default 1)', helpValue: 'N', min: 1, max: 64 }),
    from: Flags.string({
      description: 'of these people (repeatable)',
      helpValue: 'FPR',
      multiple: true,
      multipleNonGreedy: true,
    }),
    undo: Flags.boolean({ description: 'take the rule away' }),
    'dry-run': Flags.boolean({ description: 'show the rule, change nothing' }),
  };

  protected async work({ context, words, flags }: Call<typeof TrustRequire>): Promise<RuleChange> {
    const people = await Promise.all((flags.from ?? []).map((each) => findPerson(context, each)));
    const from = people.map(({ fingerprint }) => fingerprint);
    const rule = cosignerRule(someWords(words, 'package'), flags.cosigners ?? 1, from);
    return flags.undo ? dropRule(context, rule, flags['dry-run']) : addRule(context, rule, flags['dry-run']);
  }

  protected render(change: RuleChange): string {
    return renderRule(change);
  }
}
