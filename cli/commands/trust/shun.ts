import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRule } from '../../render/trust.js';
import { findPerson, installedBy } from '../../workflows/trust-people.js';
import { addRule, dropRule, shunRule, type RuleChange } from '../../workflows/trust-rules.js';

/** The rule, and what is there already of that key. */
interface Shunned extends RuleChange {
  readonly installed: readonly string[];
}

export default class TrustShun extends GtpkgCommand<typeof TrustShun, Shunned> {
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

  protected async work({ context, args, flags }: Call<typeof TrustShun>): Promise<Shunned> {
    const { fingerprint, who } = await findPerson(context, args.key);
    const rule = shunRule(fingerprint, flags.package ?? [], who);
    const change = await (flags.undo ? dropRule : addRule)(context, rule, flags['dry-run']);
    return { ...change, installed: flags.undo ? [] : await installedBy(context, fingerprint) };
  }

  protected render(change: Shunned): string {
    const { installed } = change;
    const left =
      installed.length === 0 ? '' : `\n\nInstalled, and signed by that key: ${installed.join(', ')}`;
    return renderRule(change) + left;
  }
}
