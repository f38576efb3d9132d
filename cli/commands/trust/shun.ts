import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRule } from '../../render/trust.js';
import { findPerson } from '../../workflows/trust-people.js';
import { addRule, dropRule, shunRule, type RuleChange } from '../../workflows/trust-rules.js';

export default class TrustShun extends GtpkgCommand<typeof TrustShun, RuleChange> {
  static override usage = 'trust shun FPR|EMAIL [--package GLOB] [--undo] [--dry-run]';
  static override summary = 'Take no release that this key signed.';
  static override description =
    'Adds a rule to your policy; no source is asked, and other users are not told. What is installed already stays until you remove it.';
  static override examples = [
    '<%= config.bin %> trust shun mallory@example.org',
    "<%= config.bin %> trust shun mallory@example.org --package 'lib*'",
    '<%= config.bin %> trust shun mallory@example.org --undo',
  ];
  static override args = {
    key: Flags.word({ description: 'fingerprint, the end of one, or e-mail address', required: true }),
  };
  static override flags = {
    package: Flags.string({
      description: 'only of these packages (repeatable)',
      helpValue: 'GLOB',
      multiple: true,
      multipleNonGreedy: true,
    }),
    undo: Flags.boolean({ description: 'take the rule away' }),
    'dry-run': Flags.boolean({ description: 'show the rule, change nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof TrustShun>): Promise<RuleChange> {
    const { fingerprint, who } = await findPerson(context, args.key);
    const rule = shunRule(fingerprint, flags.package ?? [], who);
    return flags.undo ? dropRule(context, rule, flags['dry-run']) : addRule(context, rule, flags['dry-run']);
  }

  protected render(change: RuleChange): string {
    return renderRule(change);
  }
}
