/**
 * The policy of an index kept here: put a file in, take one out, see what counts. docs/formats/policy.md.
 *
 * What goes in is linted and signed first; and when releases that are listed would no longer be accepted by anybody, that is said, and refused
 * unless it is meant.
 */
import { basename } from 'node:path';
import { GtpkgError } from '../../model/index.js';
import type { IndexChange, IndexPolicy } from '../../index-repo/index.js';
import type { Signer } from '../../trust/index.js';
import type { Assertion } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { getIndex, type OwnIndex } from '../places.js';
import { indexRepository, indexSigners, pushIndex } from './own-index.js';
import { acceptedBy } from './index-accepts.js';
import type { PendingSummary } from './pending.js';
import { mustBeSafe, signAll } from './trust-sign.js';
import { termsOf, type SourcePolicy } from './trust-state.js';

/** The policy files of an index. */
export interface PolicyListing {
  readonly index: string;
  readonly sequence: number;
  readonly delegates: boolean;
  readonly files: readonly { readonly name: string; readonly assertions: number; readonly bytes: number }[];
  readonly void: IndexPolicy['void'];
}

/** What became of a policy file. */
export interface PolicyChange {
  readonly index: string;
  readonly file: string;
  readonly sequence: number;
  readonly changed: boolean;
  readonly removed: boolean;
  readonly dryRun: boolean;
  /** who signed its assertions */
  readonly signers: readonly string[];
  /** listed releases that nobody's default policy accepts any more */
  readonly lost: readonly string[];
  /** states that wait for more roots to sign */
  readonly pending: readonly PendingSummary[];
}

/** How a policy file is changed. */
export interface PolicyOptions {
  readonly index: string;
  readonly file: string;
  readonly passphraseFile: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
}

/** @throws GtpkgError INDEX_NOT_FOUND */
export async function listPolicy(context: Context, name: string): Promise<PolicyListing> {
  const index = await getIndex(context, name);
  const { openIndex, readIndexPolicy, readPolicyFiles, tipOf } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(index));
  const head = await tipOf(repository);
  const policy = await readIndexPolicy(repository, head, context.now);
  const files = await readPolicyFiles((oid) => repository.read(oid), head);
  return {
    index: name,
    sequence: policy.sequence,
    delegates: policy.delegates,
    files: files.map(({ name: file, bytes }) => ({
      name: file,
      assertions: policy.delegations.filter(({ where }) => where.startsWith(`policy/${file}:`)).length,
      bytes: bytes.length,
    })),
    void: policy.void,
  };
}

/**
 * Lints, signs and puts in a file of assertions; one of the same name is replaced. `Authorizer: "roots"` becomes one assertion for each root that
 * signs here.
 * @throws GtpkgError FILE_NOT_FOUND, POLICY_MALFORMED, POLICY_UNSAFE, KEY_NOT_FOUND, SIGNATURE_*
 */
export async function addPolicy(context: Context, options: PolicyOptions): Promise<PolicyChange> {
  const { policyPath } = await import('../../index-repo/index.js');
  const index = await getIndex(context, options.index);
  const name = basename(options.file).replace(/(\.kn)?$/, '.kn');
  policyPath(name);
  const text = (await readGiven(options.file)).toString('utf8');
  await mustBeSafe(text, options.file);
  const roots = await indexSigners(context, index, options.passphraseFile);
  const { assertions, keys } = await signAll(context, text, { ...options, roots });
  const all = [...assertions, ...(await copiesOfOthers(context, index, { name, assertions }))];
  const bytes = Buffer.from(all.map((each) => each.text).join('\n'), 'latin1');
  const changes: IndexChange[] = [
    ...keys.map((publicKey) => ({ kind: 'key' as const, publicKey })),
    { kind: 'policy', name, bytes },
  ];
  return change(context, { index, name, changes, roots, options, assertions: all });
}

/** Takes a policy file out. @throws GtpkgError FILE_NOT_FOUND, POLICY_UNSAFE */
export async function removePolicy(context: Context, options: PolicyOptions): Promise<PolicyChange> {
  const index = await getIndex(context, options.index);
  const { files } = await listPolicy(context, options.index);
  const name = basename(options.file).replace(/(\.kn)?$/, '.kn');
  if (!files.some((each) => each.name === name))
    throw new GtpkgError('FILE_NOT_FOUND', `${options.index} has no policy file ${name}`, {
      hint: `gtpkg index policy list ${options.index} shows what it has.`,
    });
  const roots = await indexSigners(context, index, options.passphraseFile);
  return change(context, {
    index,
    name,
    changes: [{ kind: 'policy', name, bytes: undefined }],
    roots,
    options,
    assertions: undefined,
  });
}

// What other roots signed of the same text, on their machines, stays: a delegation by k roots is one copy of each.
async function copiesOfOthers(
  context: Context,
  index: OwnIndex,
  { name, assertions }: { readonly name: string; readonly assertions: readonly Assertion[] },
): Promise<readonly Assertion[]> {
  const { openIndex, readIndexPolicy, tipOf } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(index));
  const policy = await readIndexPolicy(repository, await tipOf(repository), context.now);
  const { delegations } = await termsOf(index.name, policy, context.now);
  const body = ({ text, authorizer, signature }: Assertion): string =>
    text.slice(0, signature?.start).replace(authorizer, '');
  const bodies = new Set(assertions.map(body));
  return delegations.filter(
    (each) =>
      each.where.startsWith(`policy/${name}:`) &&
      bodies.has(body(each)) &&
      policy.roots.some((root) => each.authorizer === `pgp:${root.toLowerCase()}`) &&
      !assertions.some(({ authorizer }) => authorizer === each.authorizer),
  );
}

async function change(
  context: Context,
  job: {
    index: OwnIndex;
    name: string;
    changes: readonly IndexChange[];
    roots: readonly Signer[];
    options: PolicyOptions;
    /** what the file will hold; undefined when it goes */
    assertions: readonly Assertion[] | undefined;
  },
): Promise<PolicyChange> {
  const { index, name, roots, options, assertions } = job;
  const { changeIndex, openIndex, readIndexPolicy, tipOf } = await import('../../index-repo/index.js');
  const directory = indexRepository(index);
  const repository = await openIndex(directory);
  const policy = await readIndexPolicy(repository, await tipOf(repository), context.now);
  const before = await termsOf(index.name, policy, context.now);
  const own = (each: Assertion): boolean => each.where.startsWith(`policy/${name}:`);
  const others = before.delegations.filter((each) => !own(each));
  const files = (await listPolicy(context, index.name)).files.filter((each) => each.name !== name);
  const after = {
    ...before,
    delegates: assertions !== undefined || files.length > 0,
    delegations: [...others, ...(assertions ?? [])],
  };
  const lost = await lostBy(context, directory, before, after);
  const result = {
    index: index.name,
    file: name,
    removed: assertions === undefined,
    lost,
    signers: assertions?.map(({ authorizer }) => authorizer) ?? [],
  };
  if (options.dryRun)
    return { ...result, sequence: policy.sequence, changed: false, dryRun: true, pending: [] };
  if (lost.length > 0 && !options.force)
    throw new GtpkgError(
      'POLICY_UNSAFE',
      `${lost.length} listed release${lost.length === 1 ? '' : 's'} would no longer be accepted: ${lost.slice(0, 5).join(', ')}${lost.length > 5 ? ' …' : ''}`,
      {
        hint: 'Delegate these too ("listed" is a licensee that stands for whatever the index lists), or add --force. Nothing was changed.',
        data: { lost },
      },
    );
  const done = await changeIndex(directory, { changes: job.changes, signers: roots, now: context.now });
  const pending = await pushIndex(context, index);
  return { ...result, sequence: done.sequence, changed: done.changed, dryRun: false, pending };
}

async function lostBy(
  context: Context,
  directory: string,
  before: SourcePolicy,
  after: SourcePolicy,
): Promise<string[]> {
  const { listEntries } = await import('../../index-repo/index.js');
  const lost: string[] = [];
  for await (const { entry, suite } of listEntries(directory)) {
    const was = await acceptedBy(context, before, { entry, suite });
    if (was && !(await acceptedBy(context, after, { entry, suite })))
      lost.push(`${entry.pin.name} ${entry.pin.version} (${suite})`);
  }
  return lost.sort();
}
