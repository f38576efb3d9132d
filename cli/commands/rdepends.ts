import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderDependents } from '../render/relations.js';
import { dependentsOn, type ReverseDependency } from '../workflows/reasons.js';

interface Found {
  readonly name: string;
  readonly dependents: readonly ReverseDependency[];
}

export default class Rdepends extends GtpkgCommand<typeof Rdepends, Found> {
  static override usage = 'rdepends PKG';
  static override summary = 'Which packages name this one, and how.';
  static override examples = ['<%= config.bin %> rdepends libssl3'];
  static override args = { pkg: Flags.word({ description: 'name of a package', required: true }) };

  protected async work({ context, args }: Call<typeof Rdepends>): Promise<Found> {
    return dependentsOn(context, args.pkg);
  }

  protected render(found: Found): string {
    return renderDependents(found);
  }
}
