/**
 * `policy/*.kn` in an index: what it delegates, in KeyNote. docs/formats/index.md §12; docs/formats/policy.md says what it means.
 *
 * The trust machine checks names, number and sizes, and binds the bytes to the signed tree. What they say is read here, at a trusted head and nowhere
 * else: each assertion counts if its Authorizer, a key of the index, signed it and is good now; one that does not is one less, never more.
 */
import { GtpkgError, limits, type Fingerprint, type Oid } from '../model/index.js';
import type { Repository } from '../git/repository.js';
import type { PublicKey } from '../trust/index.js';
import { keyOf, parseAssertions, verifyCredential } from '../trust/keynote/index.js';
import { keyFilesOf, viewIndex } from './index-view.js';
import { parseKeyFile } from './key-files.js';
import { policyEntries } from './policy-tree.js';
import type { Read } from './walk.js';

/** One policy file as it is. */
export interface PolicyFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The policy files of a commit. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED, OBJECT_CORRUPT */
export async function readPolicyFiles(read: Read, commit: Oid): Promise<PolicyFile[]> {
  const top = (await viewIndex(read, commit)).top.get('policy');
  if (top === undefined) return [];
  const files: PolicyFile[] = [];
  let total = 0;
  for (const { name, oid } of policyEntries((await read(top.oid)).body)) {
    const { body } = await read(oid);
    total += body.length;
    if (body.length > limits.MAX_POLICY_FILE || total > limits.MAX_POLICY)
      throw new GtpkgError('LIMIT_EXCEEDED', 'The policy of an index is too large');
    files.push({ name, bytes: body });
  }
  return files;
}

/** An assertion of an index that counts. */
export interface Delegation {
  /** `policy/NAME` and line */
  readonly where: string;
  /** its bytes, one a character */
  readonly text: string;
  /** when the key that signed it expires */
  readonly expires: Date | undefined;
}

/** What an index says about who may release what. */
export interface IndexPolicy {
  readonly commit: Oid;
  readonly sequence: number;
  /** its own name */
  readonly name: string;
  readonly roots: readonly Fingerprint[];
  readonly threshold: number;
  /** it has policy files: what it lists is no longer accepted for being listed */
  readonly delegates: boolean;
  readonly delegations: readonly Delegation[];
  /** assertions that do not count, and why */
  readonly void: readonly { readonly where: string; readonly why: string }[];
}

/**
 * The policy at a commit that is trusted, or is being made.
 * @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED, OBJECT_CORRUPT
 */
export async function readIndexPolicy(repository: Repository, commit: Oid, now: Date): Promise<IndexPolicy> {
  const read: Read = (oid) => repository.read(oid);
  const view = await viewIndex(read, commit);
  const { distribution, authorizations } = view;
  const files = await readPolicyFiles(read, commit);
  const keyFiles = files.length === 0 ? new Map<Fingerprint, Oid>() : await keyFilesOf(read, view);
  const keys = new Map<Fingerprint, PublicKey>();
  const delegations: Delegation[] = [];
  const refused: { where: string; why: string }[] = [];
  let count = 0;
  for (const { name, bytes } of files) {
    const { assertions, problems } = parseAssertions(bytes.toString('latin1'), `policy/${name}`);
    refused.push(...problems.map(({ where, message }) => ({ where, why: message })));
    for (const assertion of assertions) {
      if (++count > limits.MAX_ASSERTIONS)
        throw new GtpkgError('LIMIT_EXCEEDED', `An index with more than ${limits.MAX_ASSERTIONS} assertions`);
      const { where, text } = assertion;
      try {
        const fingerprint = keyOf(assertion.authorizer);
        const blob = fingerprint === undefined ? undefined : keyFiles.get(fingerprint);
        if (fingerprint !== undefined && blob !== undefined && !keys.has(fingerprint))
          keys.set(fingerprint, await parseKeyFile(fingerprint, await repository.readType(blob, 'blob')));
        await verifyCredential(assertion, { keys: [...keys.values()], now });
        delegations.push({
          where,
          text,
          expires: fingerprint === undefined ? undefined : keys.get(fingerprint)?.expires,
        });
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        refused.push({ where, why: error.message });
      }
    }
  }
  const { name, sequence } = distribution;
  const { roots, threshold } = authorizations;
  return {
    commit,
    sequence,
    name,
    roots,
    threshold,
    delegates: files.length > 0,
    delegations,
    void: refused,
  };
}
