/**
 * Questions to a person. Asked only on a terminal; elsewhere the caller gets the answer that changes least.
 */
import { readText } from './files.js';
import { GtpkgError, printable } from '../model/index.js';

/** Whether anybody could answer. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** A yes-or-no question; `unattended` is the answer where nobody can be asked, `suggested` that of a bare return key. */
export async function confirm(
  message: string,
  options: { readonly yes: boolean; readonly unattended: boolean; readonly suggested?: boolean },
): Promise<boolean> {
  if (options.yes) return true;
  if (!isInteractive()) return options.unattended;
  const { confirm: ask } = await import('@inquirer/prompts');
  return ask({ message, default: options.suggested ?? true }, { output: process.stderr });
}

/**
 * Where a passphrase comes from, in order: `--passphrase-file`, GTPKG_PASSPHRASE_FILE, a hidden prompt.
 * `whose` is asked for the prompt only. Gives undefined where there is none of these. Only one final newline of the file is taken off.
 * @throws GtpkgError FILE_NOT_FOUND
 */
export function passphraseFrom(
  file: string | undefined,
  whose: () => Promise<string>,
): () => Promise<string | undefined> {
  return async () => {
    const path = file ?? process.env['GTPKG_PASSPHRASE_FILE'];
    if (path !== undefined) {
      const text = await readText(path);
      if (text === undefined)
        throw new GtpkgError('FILE_NOT_FOUND', `the passphrase file ${path} does not exist`, {
          hint: 'Check the path.',
        });
      return text.replace(/\r?\n$/, '');
    }
    if (!isInteractive()) return undefined;
    const { password } = await import('@inquirer/prompts');
    return password(
      { message: `Passphrase of ${printable(await whose())}`, mask: true },
      { output: process.stderr },
    );
  };
}
