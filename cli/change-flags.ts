/** What the user wants of maintainer scripts and changed conffiles: by flag, by variable, or what is usual for this user. */
import { printable } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { AskConffile, ConffileQuestion } from '../installer/ask-conffiles.js';
import type { ConffilePolicy } from '../installer/conffiles.js';
import type { ScriptPolicy } from '../installer/script-runner.js';
import type { SpecialFilesSetting } from '../installer/special-files.js';
import { confirm, isInteractive } from './prompt.js';
import * as Flags from './flags.js';

/** Flags of the commands that change packages. */
export const scriptFlags = {
  scripts: Flags.boolean({
    description: 'run maintainer scripts also without root rights: outside of the root, with your rights',
    exclusive: ['no-scripts'],
    env: 'GTPKG_SCRIPTS',
  }),
  'no-scripts': Flags.boolean({ description: 'keep maintainer scripts and do not run them' }),
};

/**
 * How maintainer scripts run; undefined: they do not. Root runs them in the root, as a distribution expects. Without root rights they can
 * only run outside of it, where a script that does not heed DPKG_ROOT reaches whatever its user can: so only when the user says so.
 * @throws GtpkgError USAGE for a value of GTPKG_SCRIPTS that is neither yes nor no
 */
export function scriptPolicy(flags: {
  readonly scripts?: boolean;
  readonly 'no-scripts'?: boolean;
}): ScriptPolicy | undefined {
  const text = process.env['GTPKG_SCRIPTS']?.trim() ?? '';
  if (!['', 'yes', 'no'].includes(text))
    throw new GtpkgError('USAGE', `GTPKG_SCRIPTS is "${text.slice(0, 80)}"`, {
      hint: 'It may be yes or no.',
    });
  const isRoot = process.getuid?.() === 0;
  const wanted =
    flags['no-scripts'] === true ? false : flags.scripts === true || (text === '' ? isRoot : text === 'yes');
  if (!wanted) return undefined;
  const frontend = process.env['DEBIAN_FRONTEND'];
  return { how: isRoot ? 'inside' : 'outside', ...(frontend === undefined ? {} : { frontend }) };
}

/** Flags of the commands that bring files: what of them is the user's to decide. */
export const conffileFlags = {
  conffiles: Flags.string({
    description:
      'what to do with conffiles that you and the package changed (default: ask, or keep where nobody can be asked)',
    helpValue: 'keep|replace|ask',
    env: 'GTPKG_CONFFILES',
  }),
  'special-files': Flags.string({
    description:
      'what to do about new set-uid programs, file capabilities and device nodes (default: allow, and name them)',
    helpValue: 'allow|ask|refuse',
    env: 'GTPKG_SPECIAL_FILES',
  }),
};

/** What to do with conffiles that both sides changed, and with files that lend rights. */
export interface ConffileChoice extends SpecialFilesSetting {
  readonly conffilePolicy: ConffilePolicy;
  readonly askConffile?: AskConffile;
}

/** @throws GtpkgError USAGE */
export function conffileChoice(
  flags: { readonly conffiles?: string | undefined; readonly 'special-files'?: string | undefined },
  { yes }: { readonly yes: boolean },
): ConffileChoice {
  const special = specialFilesSetting(flags['special-files']);
  const said = flags.conffiles ?? process.env['GTPKG_CONFFILES'] ?? '';
  const text = said.trim() === '' ? (yes ? 'keep' : 'ask') : said.trim();
  if (!['keep', 'replace', 'ask'].includes(text))
    throw new GtpkgError('USAGE', `--conffiles must be keep, replace or ask, not "${text.slice(0, 80)}"`);
  if (text === 'replace') return { ...special, conffilePolicy: 'new' };
  if (text === 'keep' || !isInteractive()) return { ...special, conffilePolicy: 'keep' };
  return {
    ...special,
    conffilePolicy: 'keep',
    askConffile: askOnTerminal,
  };
}

async function askOnTerminal({
  package: name,
  path,
  yours,
  theirs,
}: ConffileQuestion): Promise<ConffilePolicy> {
  const { select } = await import('@inquirer/prompts');
  const message = `${path}: you changed it, and so did the new ${name}.`;
  const choices = [
    { name: 'keep yours, and put the new one beside it', value: 'keep' as const },
    { name: 'take the new one, and put yours beside it', value: 'new' as const },
    { name: 'show what is different', value: 'diff' as const },
  ];
  for (;;) {
    const answer = await select({ message, choices }, { output: process.stderr });
    if (answer !== 'diff') return answer;
    process.stderr.write(await difference(yours, theirs));
  }
}

/** Lines of a difference that are shown: more is read in an editor. */
const DIFF_LINES = 400;

// Both versions are other people's words: nothing of them may speak to the terminal.
async function difference(yours: Buffer, theirs: Buffer): Promise<string> {
  const { spawnSync } = await import('node:child_process');
  const labels = ['--label', 'yours', '--label', 'new'];
  const { stdout, error } = spawnSync('diff', ['-u', ...labels, '--', yours.toString(), theirs.toString()], {
    maxBuffer: 16 * 1024 * 1024,
  });
  if (error !== undefined) return `diff cannot be run here: ${printable(error.message)}\n`;
  const lines = stdout.toString('utf8').split('\n').map(printable);
  const more = lines.length - DIFF_LINES;
  return `${lines.slice(0, DIFF_LINES).join('\n')}\n${more > 0 ? `and ${more} more lines\n` : ''}`;
}

// Where nobody can be asked, asking is refusing.
function specialFilesSetting(flag: string | undefined): SpecialFilesSetting {
  const text = (flag ?? process.env['GTPKG_SPECIAL_FILES'] ?? '').trim();
  if (!['', 'allow', 'ask', 'refuse'].includes(text))
    throw new GtpkgError('USAGE', `--special-files must be allow, ask or refuse, not "${text.slice(0, 80)}"`);
  if (text === 'refuse' || (text === 'ask' && !isInteractive())) return { specialFiles: 'refuse' };
  if (text !== 'ask') return {};
  return {
    askSpecialFiles: async (files) => {
      const { describeSpecialFiles } = await import('../installer/special-files.js');
      return confirm(`${describeSpecialFiles(files)}. Install them?`, { yes: false, unattended: false });
    },
  };
}
