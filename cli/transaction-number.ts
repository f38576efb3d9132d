/** Numbers of transactions as they are typed. */
import { GtpkgError } from '../model/errors.js';

/** Undefined when none was typed. @throws GtpkgError USAGE */
export function transactionNumber(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  if (/^\d{1,9}$/.test(word)) return Number(word);
  throw new GtpkgError('USAGE', `"${word.slice(0, 80)}" is not the number of a transaction`, {
    hint: 'gtpkg history lists them.',
  });
}
