import * as Flags from '@oclif/core/flags';
import { GtpkgCommand, type Call } from '../command.js';
import { table } from '../render/table.js';
import { listPackages, type ListedPackage } from '../workflows/query.js';

export default class List extends GtpkgCommand<typeof List, { packages: ListedPackage[] }> {
  static override summary = 'List packages: installed ones, upgradable ones, or all that the sources offer.';
  static override examples = [
    '<%= config.bin %> list',
    '<%= config.bin %> list --upgradable',
    '<%= config.bin %> list --all',
  ];
  static override flags = {
    installed: Flags.boolean({
      description: 'what is in the root (the default)',
      exclusive: ['upgradable', 'all'],
    }),
    upgradable: Flags.boolean({ description: 'what has a newer version in a source', exclusive: ['all'] }),
    all: Flags.boolean({ description: 'what the sources offer' }),
  };

  protected async work({ context, flags }: Call<typeof List>): Promise<{ packages: ListedPackage[] }> {
    return {
      packages: await listPackages(
        context,
        flags.upgradable ? 'upgradable' : flags.all ? 'all' : 'installed',
      ),
    };
  }

  protected render({ packages }: { packages: ListedPackage[] }): string {
    if (packages.length === 0) return 'Nothing to list.';
    return table(
      ['PACKAGE', 'VERSION', 'ARCH', 'SOURCE', 'STATE', 'SUMMARY'],
      packages.map((each) => [
        each.name,
        each.version,
        each.architecture,
        each.source,
        each.state,
        each.summary,
      ]),
    );
  }
}
