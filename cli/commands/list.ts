import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { oneLine, table } from '../render/table.js';
import { listPackages, type Listing } from '../workflows/list.js';

export default class List extends GtpkgCommand<typeof List, Listing> {
  static override usage = 'list [--installed|--upgradable|--all]';
  static override summary = 'List packages: installed, upgradable, or all that are offered.';
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

  protected async work({ context, flags }: Call<typeof List>): Promise<Listing> {
    return listPackages(context, flags.upgradable ? 'upgradable' : flags.all ? 'all' : 'installed');
  }

  protected render({ which, root, packages }: Listing): string {
    if (packages.length === 0)
      return {
        installed: `Nothing is installed in ${oneLine(root)}.`,
        upgradable: 'Everything is as new as the sources have it; gtpkg update asks them again.',
        all: 'No source offers anything: gtpkg source add INTRODUCTION adds one, gtpkg update fetches its index.',
      }[which];
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
