/**
 * Three-way decision about a conffile, as dpkg takes it when nobody can be asked (Policy §10.7.3). Pure.
 *
 * | on disk | maintainer's version since the last one | done |
 * |---|---|---|
 * | not there, never was | – | placed |
 * | not there, was | any | stays away |
 * | as the new one | any | left |
 * | as the last one | changed | replaced |
 * | changed by the user | same | left |
 * | changed by the user | changed | left, the new one beside it as `.gtpkg-new` (policy `new`: the reverse, `.gtpkg-old`) |
 */
import type { BytePath } from '../model/bytes.js';
import type { Sha256 } from '../model/ids.js';

/** `keep` the user's version (the default), or take the `new` one and put the user's beside it. */
export type ConffilePolicy = 'keep' | 'new';

export type ConffileDecision =
  'place' | 'absent' | 'identical' | 'replace' | 'keep' | 'keep-beside' | 'replace-beside';

export interface ConffileFacts {
  /** shipped last; undefined when the path is new to the root */
  readonly base: Sha256 | undefined;
  /** shipped now */
  readonly dist: Sha256;
  /** on disk: a digest; `special` is a link, a directory, a device, which only a user can have made */
  readonly current: Sha256 | 'absent' | 'special';
}

/** What to do with the conffile. */
export function decideConffile(
  { base, dist, current }: ConffileFacts,
  policy: ConffilePolicy = 'keep',
): ConffileDecision {
  if (current === 'absent') return base === undefined ? 'place' : 'absent';
  if (current === dist) return 'identical';
  if (current === base) return 'replace';
  if (base === dist) return 'keep';
  return policy === 'new' && current !== 'special' ? 'replace-beside' : 'keep-beside';
}

/** What a new version of a conffile is called while the user's own stays, and the other way round. */
export const CONFFILE_NEW = '.gtpkg-new';
export const CONFFILE_OLD = '.gtpkg-old';

/** Of dpkg, which may have been here before us, and of editors: dpkg takes all these on purge (1.21, src/main/remove.c). */
const COPIES = [
  CONFFILE_NEW,
  CONFFILE_OLD,
  '.dpkg-new',
  '.dpkg-old',
  '.dpkg-dist',
  '.dpkg-tmp',
  '~',
  '.bak',
  '%',
];

/** Names beside a conffile that a purge takes with it, whether they are there or not. */
export function copiesOf(path: BytePath): BytePath[] {
  const cut = path.lastIndexOf('/') + 1;
  const emacs = `${path.slice(0, cut)}#${path.slice(cut)}#`;
  return [...COPIES.map((end) => `${path}${end}`), emacs] as BytePath[];
}

/**
 * What becomes of a conffile that the maintainer takes away (`remove-on-upgrade`), as dpkg does it: `remove` it when it is as shipped last, else move it
 * `aside` as `.gtpkg-old`. What the user made a link or a directory is left.
 */
export function decideGone(
  base: Sha256 | undefined,
  current: ConffileFacts['current'],
): 'leave' | 'remove' | 'aside' {
  if (current === 'absent' || current === 'special') return 'leave';
  return current === base ? 'remove' : 'aside';
}
