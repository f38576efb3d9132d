/** Co-signatures of releases, as policy counts them. */
import type { Fingerprint } from '../../model/index.js';
import type { IndexEntry } from '../../index-repo/index.js';

/** Distinct primary keys that co-signed a release, its signer left out. */
export function cosignersOf(_offer: IndexEntry): readonly Fingerprint[] {
  return [];
}
