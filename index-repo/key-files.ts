/**
 * Keys inside an index: `keys/<FPR>.asc`. docs/formats/index.md §3. Pure: objects in, keys out.
 */
import { GtpkgError, limits, type Fingerprint } from '../model/index.js';
import { parseTree } from '../git/objects.js';
import { describe } from '../trust/describe.js';
import { PublicKey } from '../trust/index.js';
import { readCertificate } from '../trust/keys.js';
import { take, type Lookup, type OpenedCommit, type Top } from './index-commit.js';

/** A key file holds the key that it is named after. @throws GtpkgError KEY_MALFORMED, KEY_WEAK, INDEX_MALFORMED */
export async function parseKeyFile(fingerprint: Fingerprint, bytes: Uint8Array): Promise<PublicKey> {
  const key = await PublicKey.parse(bytes);
  if (key.fingerprint !== fingerprint)
    throw new GtpkgError(
      'INDEX_MALFORMED',
      `The index is malformed: keys/${fingerprint}.asc holds the key ${key.fingerprint}`,
    );
  return key;
}

/**
 * The keys of `wanted` in a commit whose tree is not believed yet: harmless, for a key is what its fingerprint says.
 * @throws GtpkgError INDEX_CORRUPT, INDEX_MALFORMED, OBJECT_CORRUPT, KEY_MALFORMED, KEY_WEAK
 */
export async function keysNamed(
  commit: OpenedCommit,
  wanted: readonly Fingerprint[],
  lookup: Lookup,
): Promise<PublicKey[]> {
  const top = parseTree(take(lookup, commit.tree, 'tree', limits.MAX_INDEX_FILE));
  const keys = top.find((entry) => entry.name === 'keys' && entry.mode === '40000');
  if (keys === undefined) return [];
  const files = new Map(
    parseTree(take(lookup, keys.oid, 'tree', limits.MAX_KEYS_TREE)).map((entry) => [entry.name, entry.oid]),
  );
  const found: PublicKey[] = [];
  for (const fingerprint of wanted) {
    const oid = files.get(`${fingerprint}.asc`);
    if (oid !== undefined)
      found.push(await parseKeyFile(fingerprint, take(lookup, oid, 'blob', limits.MAX_PUBLIC_KEY)));
  }
  return found;
}

/** What a key file of a verified index says, without checking it again: for people, never for a verdict. */
export function describeKeyFile(bytes: Uint8Array):
  | {
      readonly userId: string;
      readonly revocation: 'hard' | 'soft' | undefined;
      readonly expires: Date | undefined;
      readonly weakFrom: Date | undefined;
    }
  | undefined {
  try {
    const { userIds, revocation, expires, signing } = describe(readCertificate(bytes));
    const weakFrom = signing.map((key) => key.weakFrom).find((date) => date !== undefined);
    return { userId: userIds[0] ?? '', revocation: revocation?.kind, expires, weakFrom };
  } catch (error) {
    if (error instanceof GtpkgError) return undefined;
    throw error;
  }
}

/** Roots of a top that was trusted before. */
export interface Before {
  readonly top: Top;
  readonly roots: ReadonlyMap<Fingerprint, PublicKey>;
}

/**
 * The root keys of a top whose tree has been checked.
 * @param before - key files that stand there already were checked then; 'trusted' when that holds for all of them
 * @throws GtpkgError INDEX_MALFORMED for a root without key or a key under another's name, KEY_MALFORMED, KEY_WEAK
 */
export async function checkKeys(
  top: Top,
  lookup: Lookup,
  before: Before | 'trusted' | undefined,
): Promise<Map<Fingerprint, PublicKey>> {
  const roots = new Map<Fingerprint, PublicKey>();
  const wanted = new Set(top.authorizations.roots);
  for (const fingerprint of wanted) {
    if (!top.keyFiles.has(fingerprint))
      throw new GtpkgError(
        'INDEX_MALFORMED',
        `The index is malformed: the key of its root ${fingerprint} is missing`,
      );
  }
  for (const [fingerprint, file] of top.keyFiles) {
    const known = before === 'trusted' || before?.top.keyFiles.get(fingerprint)?.oid256 === file.oid256;
    if (known && !wanted.has(fingerprint)) continue;
    const kept = known && before !== 'trusted' ? before?.roots.get(fingerprint) : undefined;
    const key =
      kept ?? (await parseKeyFile(fingerprint, take(lookup, file.oid, 'blob', limits.MAX_PUBLIC_KEY)));
    if (wanted.has(fingerprint)) roots.set(fingerprint, key);
  }
  return roots;
}
