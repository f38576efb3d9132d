import * as Flags from '../../flags.js';
import { GtpkgError } from '../../../model/index.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderRule } from '../../render/trust.js';
import { findPerson } from '../../workflows/trust-people.js';
import { acceptRule, addRule, dropRule, type RuleChange } from '../../workflows/trust-rules.js';

export default class KeyTrust extends GtpkgCommand<typeof KeyTrust, RuleChange> {
  static override usage = 'key trust FPR|EMAIL --for GLOB [--undo] [--dry-run]';
  static override summary = 'Accept what a key signs of some packages.';
  static override description =
    'For a package whose maintainer is gone: releases by this key are taken where a source lists them, also when its own policy does not delegate them to that key.';
  static override examples = [
    '<%= config.bin %> key trust bob@example.org --for hello',
    "<%= config.bin %> key trust bob@example.org --for 'hello*' --undo",
  ];
  static override args = {
    key: Flags.word({ description: 'fingerprint, the end of one, or e-mail address', required: true }),
  };
  static override flags = {
    for: Flags.string({
      description: 'packages (repeatable)',
      helpValue: 'GLOB',
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
    undo: Flags.boolean({ description: 'take the rule away' }),
    'dry-run': Flags.boolean({ description: 'show the rule, change nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof KeyTrust>): Promise<RuleChange> {
    if (flags.for.length === 0)
      throw new GtpkgError('USAGE', 'no package is named', { hint: 'Add --for GLOB.' });
    const { fingerprint, who } = await findPerson(context, args.key);
    const rule = acceptRule(fingerprint, flags.for, who);
    return flags.undo ? dropRule(context, rule, flags['dry-run']) : addRule(context, rule, flags['dry-run']);
  }

  protected render(change: RuleChange): string {
    return renderRule(change);
  }
}
