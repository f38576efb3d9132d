import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { dropPendingOf } from '../../workflows/index-sign.js';

type Dropped = Awaited<ReturnType<typeof dropPendingOf>>;

export default class IndexDrop extends GtpkgCommand<typeof IndexDrop, Dropped> {
  static override usage = 'index drop NAME [--dry-run]';
  static override summary = 'Take back what is pending in an index of yours.';
  static override description = `Only for what no other root can have signed yet: signatures that have left this machine are still good, and if two changes with one
number get enough of them, clients see two histories and stop. When in doubt, let it be published, and change it back.`;
  static override examples = ['<%= config.bin %> index drop acme'];
  static override args = { name: Flags.word({ description: 'an index kept here', required: true }) };
  static override flags = { 'dry-run': Flags.boolean({ description: 'change nothing' }) };

  protected async work({ context, args, flags }: Call<typeof IndexDrop>): Promise<Dropped> {
    return dropPendingOf(context, args.name, flags['dry-run']);
  }

  protected render({ index, dropped, dryRun }: Dropped): string {
    if (dropped.length === 0) return `Nothing is pending in ${index}.`;
    const numbers = dropped.map((each) => each.sequence).join(', ');
    return `${dryRun ? 'Would take' : 'Took'} back ${dropped.length === 1 ? 'number' : 'numbers'} ${numbers} of ${index}.`;
  }
}
