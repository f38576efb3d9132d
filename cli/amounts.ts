/**
 * Amounts as people write them: `100GB`, `512MiB`, `8MiB/s`, `1.5T`. Powers of 1000 unless there is an `i`; case does not matter,
 * and neither do `B` and `/s`. Bits are not taken: `8Mbit` is refused rather than misread.
 */
import { GtpkgError } from '../model/errors.js';

const AMOUNT = /^(\d{1,15}(?:\.\d{1,6})?) ?(?:([kmgtp])(i?))?b?$/i;
const POWERS = ' kmgtp';

function amount(text: string, what: string, example: string): number {
  const [, digits, letter, binary] = AMOUNT.exec(text.trim()) ?? [];
  const power = letter === undefined ? 0 : POWERS.indexOf(letter.toLowerCase());
  const bytes = Math.round(Number(digits) * (binary ? 1024 : 1000) ** power);
  if (digits !== undefined && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new GtpkgError('USAGE', `"${text.slice(0, 80)}" is not ${what}`, {
    hint: `For example: ${example}.`,
  });
}

/** Bytes. @throws GtpkgError USAGE */
export function parseSize(text: string): number {
  return amount(text, 'a size', '100GB, 512MiB');
}

/** Bytes a second. @throws GtpkgError USAGE */
export function parseRate(text: string): number {
  return amount(text.trim().replace(/(?:\/s|ps)$/i, ''), 'a rate', '8MiB/s, 500kB/s');
}
