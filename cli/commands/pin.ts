import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderPinned } from '../render/policy.js';
import { changePins, type Pinned } from '../workflows/pins.js';

export default class PinCommand extends GtpkgCommand<typeof PinCommand, Pinned> {
  static override usage =
    'pin [PKG[=VERSION][/SUITE][@SOURCE]...] [--priority NUMBER] [--remove] [--dry-run]';
  static override summary = 'Prefer a version, a suite or a source, or refuse it.';
  static override description =
    "A pin gives releases a priority; `*` stands for any text. A pinned release of another source may also be taken as a dependency. Without a name, the pins are listed. They stand in the file preferences in gtpkg's home.";
  static override examples = [
    '<%= config.bin %> pin hello@acme',
    "<%= config.bin %> pin '*/testing' --priority 100",
    '<%= config.bin %> pin hello=2.10-3 --priority -1',
    '<%= config.bin %> pin hello@acme --remove',
  ];
  static override strict = false;
  static override flags = {
    priority: Flags.integer({
      description: '990 unless told',
      helpValue: 'NUMBER',
      min: -32_767,
      max: 32_767,
    }),
    remove: Flags.boolean({ description: 'take these pins away' }),
    'dry-run': Flags.boolean({ description: 'say what would be pinned' }),
  };

  protected async work({ context, words, flags }: Call<typeof PinCommand>): Promise<Pinned> {
    return changePins(context, words, {
      priority: flags.priority,
      remove: flags.remove,
      dryRun: flags['dry-run'],
    });
  }

  protected render(pinned: Pinned): string {
    return renderPinned(pinned);
  }
}
