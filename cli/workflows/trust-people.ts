/** Keys as users name them: a fingerprint, the end of one, or an e-mail address; of this home, or of what its sources vouch for. */
import { GtpkgError, parseFingerprint, type Fingerprint } from '../../model/index.js';
import { readStoredIndex } from '../../index-repo/sync.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { listSources, type Source } from '../places.js';
import { indexRepository } from './own-index.js';
import { statePath } from './trusted-source.js';

/** A key and whose it is. */
export interface Person {
  readonly fingerprint: Fingerprint;
  /** user id; '' where it is not known */
  readonly who: string;
}

/** @throws GtpkgError KEY_NOT_FOUND, with those that fit when there are several */
export async function findPerson(context: Context, text: string): Promise<Person> {
  const hex = text.replace(/\s+/g, '').replace(/^0x/i, '').toUpperCase();
  const people = await everybody(context, /^[0-9A-F]{8,40}$/.test(hex) ? hex : undefined);
  const email = text.trim().toLowerCase();
  const found = [...people.values()].filter(({ fingerprint, userIds }) =>
    /^[0-9A-F]{8,40}$/.test(hex)
      ? fingerprint.endsWith(hex)
      : userIds.some((id) => id.toLowerCase() === email || id.toLowerCase().endsWith(`<${email}>`)),
  );
  const [only] = found;
  if (found.length === 1 && only !== undefined)
    return { fingerprint: only.fingerprint, who: only.userIds[0] ?? '' };
  // somebody whom no source knows yet can be named all the same
  if (/^[0-9A-F]{40}$/.test(hex)) return { fingerprint: parseFingerprint(hex), who: '' };
  throw new GtpkgError(
    'KEY_NOT_FOUND',
    found.length === 0
      ? `no key here or in any source is "${text.slice(0, 200)}"`
      : `"${text.slice(0, 200)}" fits ${found.length} keys`,
    {
      hint: 'Give the whole fingerprint; gtpkg show PKG names the signer of a release.',
      data: { key: text, matches: found.map(({ fingerprint }) => fingerprint) },
    },
  );
}

interface Known {
  readonly fingerprint: Fingerprint;
  readonly userIds: readonly string[];
}

// Keys whose fingerprint ends so, or all of them.
async function everybody(context: Context, suffix: string | undefined): Promise<Map<Fingerprint, Known>> {
  const people = new Map<Fingerprint, Known>();
  for (const { fingerprint, userIds } of await (await context.keys()).list())
    people.set(fingerprint, { fingerprint, userIds });
  for (const source of await listSources(context))
    for (const { fingerprint, userIds } of await keysOf(
      source,
      (each) => suffix === undefined || each.endsWith(suffix),
    ))
      people.set(fingerprint, { fingerprint, userIds });
  return people;
}

/** Keys in a source's trusted index. */
export async function keysOf(
  source: Source,
  wanted: (fingerprint: Fingerprint) => boolean,
): Promise<PublicKey[]> {
  const { openIndex, readIndexKey, showIndex } = await import('../../index-repo/index.js');
  const head = (await readStoredIndex(statePath(source)))?.trusted.head;
  if (head === undefined) return [];
  const repository = await openIndex(indexRepository(source));
  const { keys } = await showIndex(indexRepository(source), { commit: head });
  return Promise.all(keys.filter(wanted).map((fingerprint) => readIndexKey(repository, head, fingerprint)));
}

/** Installed packages that a key signed, by name. */
export async function installedBy(context: Context, fingerprint: Fingerprint): Promise<string[]> {
  const { readStatus } = await import('../../installer/status.js');
  return [...readStatus(context.settings.root).values()]
    .filter((each) => each.state === 'installed' && each.pin.signer === fingerprint)
    .map(({ name }) => name)
    .sort();
}
