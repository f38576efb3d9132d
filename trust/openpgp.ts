/**
 * The one door to openpgp: loaded on first use, because most commands never need it.
 */
import type * as OpenPGP from 'openpgp';

export type { OpenPGP };

/** The library, loaded once. */
export async function loadOpenpgp(): Promise<typeof OpenPGP> {
  return import('openpgp');
}
