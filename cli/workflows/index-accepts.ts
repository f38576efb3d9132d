/** What an index accepts of what it lists: its own policy, as a user without one of his own meets it. */
import { GtpkgError } from '../../model/index.js';
import type { IndexEntry } from '../../index-repo/index.js';
import type { Attributes } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import type { OwnIndex } from '../places.js';
import { cosignersHere } from './cosigners.js';
import { indexRepository } from './own-index.js';
import { termsOf, type SourcePolicy } from './trust-state.js';

/** A release as it is listed, or is to be. */
export interface Listed {
  readonly entry: IndexEntry;
  readonly suite: string;
  /** what the release itself tells; absent while it is not looked at */
  readonly told?: Attributes | undefined;
}

/** Whether a user without a policy of his own would take a release, as far as is known of it. */
export async function acceptedBy(
  context: Context,
  terms: SourcePolicy,
  { entry, suite, told }: Listed,
): Promise<boolean> {
  const { judge, policyDate, principalOf } = await import('../../trust/keynote/index.js');
  const { pin, control } = entry;
  const cosigners = await cosignersHere(context, entry);
  const attributes = {
    action: 'release',
    distribution: terms.distribution,
    suite,
    arch: pin.architecture,
    name: pin.name,
    version: pin.version,
    section: control.section,
    signer: principalOf(pin.signer),
    vercmp: 'newer',
    sequence: String(terms.sequence),
    date: policyDate(context.now),
    cosigners: String(cosigners.length),
    ...told,
  };
  return judge([], terms, { attributes, signers: [pin.signer, ...cosigners] }).value !== 'refuse';
}

/**
 * Refuses to list what nobody would take: the index's own policy speaks of who may release what.
 * @throws GtpkgError POLICY_REFUSED
 */
export async function mustBeAccepted(
  context: Context,
  index: OwnIndex,
  entries: readonly Listed[],
): Promise<void> {
  if (entries.length === 0) return;
  const { openIndex, readIndexPolicy, tipOf } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(index));
  const policy = await readIndexPolicy(repository, await tipOf(repository), context.now);
  if (!policy.delegates) return;
  const terms = await termsOf(index.name, policy, context.now);
  for (const each of entries) {
    if (await acceptedBy(context, terms, each)) continue;
    const { name, version, signer } = each.entry.pin;
    const rights = each.told?.rights ?? '';
    const lends = rights === '' ? '' : `, whose files lend rights (${rights})`;
    throw new GtpkgError(
      'POLICY_REFUSED',
      `the policy of ${index.name} does not let ${signer} release ${name} ${version} into ${each.suite}${lends}`,
      {
        hint: `Nothing was listed. gtpkg index policy list ${index.name} shows its files; a root can delegate, or sign the release.`,
        data: { index: index.name, name, version, suite: each.suite, signer, ...each.told },
      },
    );
  }
}
