import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderDependencies } from '../render/relations.js';
import { dependenciesOf, type Dependencies } from '../workflows/reasons.js';

export default class Depends extends GtpkgCommand<typeof Depends, Dependencies> {
  static override usage = 'depends PKG[=VERSION][/SUITE][@SOURCE]';
  static override summary = 'What a package needs, and what would satisfy it.';
  static override description =
    'Of the installed release where there is one, else of the newest that is offered.';
  static override examples = ['<%= config.bin %> depends hello', '<%= config.bin %> depends hello=2.10-3'];
  static override args = { pkg: Flags.word({ description: 'PKG or PKG=VERSION', required: true }) };

  protected async work({ context, args }: Call<typeof Depends>): Promise<Dependencies> {
    return dependenciesOf(context, args.pkg);
  }

  protected render(found: Dependencies): string {
    return renderDependencies(found);
  }
}
