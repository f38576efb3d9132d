import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { clonePackage, type Cloned } from '../workflows/clone.js';

export default class Clone extends GtpkgCommand<typeof Clone, Cloned> {
  static override usage = 'clone PKG[@SOURCE] DIR';
  static override summary = 'Get a package as a full git repository.';
  static override description =
    'Every release is fetched from peers and verified; its signed tag passes git verify-tag. Needs no git on this machine.';
  static override examples = [
    '<%= config.bin %> clone hello ./hello',
    '<%= config.bin %> clone hello@acme ./hello',
  ];
  static override args = {
    pkg: Flags.word({ description: 'PKG or PKG@SOURCE', required: true }),
    dir: Flags.word({ description: 'where to; must not exist, or be empty', required: true }),
  };

  protected async work({ context, args }: Call<typeof Clone>): Promise<Cloned> {
    return clonePackage(context, args.pkg, args.dir);
  }

  protected render({ name, source, directory, tags }: Cloned): string {
    return `Cloned ${name} of ${source} into ${directory}: ${tags.join(', ')}`;
  }
}
