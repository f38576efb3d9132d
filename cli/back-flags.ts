/** What the ways back have in common on the command line: `rollback` and `history undo`. */
import { conffileChoice, conffileFlags, scriptFlags, scriptPolicy } from './change-flags.js';
import type { FlagsOf, CommandClass } from './command.js';
import type { Settings } from './context.js';
import * as Flags from './flags.js';
import type { BackOptions } from './workflows/way-back.js';

export const backArgs = { id: Flags.word({ description: 'number of a transaction, from gtpkg history' }) };

export const backFlags = {
  purge: Flags.boolean({
    description: 'of packages that go, take along conffiles that you changed and what their programs made',
  }),
  'no-deltas': Flags.boolean({
    description: 'fetch whole releases, not what changed since the installed ones',
  }),
  ...scriptFlags,
  ...conffileFlags,
  'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
};

/** @throws GtpkgError USAGE */
export function backOptions(
  flags: FlagsOf<CommandClass & { readonly flags: typeof backFlags }>,
  settings: Settings,
): BackOptions {
  return {
    dryRun: flags['dry-run'],
    purge: flags.purge,
    deltas: !flags['no-deltas'],
    scripts: scriptPolicy(flags),
    conffiles: conffileChoice(flags, settings),
  };
}
