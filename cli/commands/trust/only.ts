import * as Flags from '../../flags.js';
import { GtpkgError } from '../../../model/index.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { getSource } from '../../places.js';
import { renderRule } from '../../render/trust.js';
import { addRule, dropRule, onlyRule, type RuleChange } from '../../workflows/trust-rules.js';
import { someWords } from '../../workflows/versions.js';

export default class TrustOnly extends GtpkgCommand<typeof TrustOnly, RuleChange> {
  static override usage = 'trust only GLOB... [--from SOURCE] [--undo] [--dry-run]';
  static override summary = 'Take packages from one distribution only.';
  static override description =
    'Releases of these packages that other sources list are refused, whatever their version.';
  static override examples = [
    '<%= config.bin %> trust only openssl --from acme',
    "<%= config.bin %> trust only 'lib*' 'linux-*' --from acme",
    '<%= config.bin %> trust only openssl --undo',
  ];
  static override strict = false;
  static override flags = {
    from: Flags.string({ description: 'the source', helpValue: 'SOURCE' }),
    undo: Flags.boolean({ description: 'take the rule away' }),
    'dry-run': Flags.boolean({ description: 'show the rule, change nothing' }),
  };

  protected async work({ context, words, flags }: Call<typeof TrustOnly>): Promise<RuleChange> {
    const globs = someWords(words, 'package');
    if (flags.undo) return dropRule(context, onlyRule(globs, ''), flags['dry-run']);
    if (flags.from === undefined)
      throw new GtpkgError('USAGE', 'no source is named', { hint: 'Add --from SOURCE.' });
    const { name } = await getSource(context, flags.from);
    return addRule(context, onlyRule(globs, name), flags['dry-run']);
  }

  protected render(change: RuleChange): string {
    return renderRule(change);
  }
}
