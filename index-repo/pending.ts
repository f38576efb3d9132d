/**
 * What is signed by some roots and not by enough yet. docs/formats/index.md §12.
 *
 * Pending commits are a line on top of the published head, `refs/heads/pending`. Each needs its own signatures; the trust machine's own step
 * says how many it has and whether it may be published. Nothing here moves `main` past a commit that clients would refuse.
 */
import { GtpkgError, type Fingerprint, type Introduction, type Oid } from '../model/index.js';
import type { GitObject } from '../git/objects.js';
import { hashObject } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import type { Signer } from '../trust/index.js';
import { anchorLink, nextLink, trustedLink, type Link, type Step } from './chain-link.js';
import { cosign } from './commit-index.js';
import { completeDigests, DigestFile } from './digest-file.js';
import type { Authorizations } from './documents.js';
import { cosignaturesOf, holdCommit, topObjects, type Objects } from './held-objects.js';
import { openCommit, type OpenedCommit } from './index-commit.js';
import { MAIN, PENDING, isAnchor, openIndex, viewIndex } from './index-view.js';
import { cosignTagName } from './messages.js';
import { lineage } from './packs.js';
import { forgetSignatures, recordSignatures, refuseDoubleSignatures } from './signed-refs.js';
import { cosignStatements, groupTags, verifyStatement } from './signers.js';
import type { Read } from './walk.js';

/** One commit that waits for signatures. */
export interface PendingCommit {
  readonly commit: Oid;
  readonly name: string;
  readonly sequence: number;
  readonly date: Date;
  /** roots whose signatures on it are good */
  readonly signers: readonly Fingerprint[];
  /** of how many roots each set of authorizations asks: of the parent, and its own where it changes them */
  readonly needs: readonly Pick<Authorizations, 'roots' | 'threshold'>[];
  /** roots that may still sign */
  readonly missing: readonly Fingerprint[];
  /** enough have signed, but not yet what is before it */
  readonly complete: boolean;
  /** what its message says; index-diff.ts tells what it does */
  readonly changes: readonly string[];
}

/** How an index is trusted, and when. */
export interface PendingOptions {
  readonly introduction: Introduction;
  readonly now: Date;
}

interface Judged {
  readonly link: Link;
  readonly pending: PendingCommit;
}

/** What is pending, oldest first; checked as clients check it, but for the number of signatures. @throws GtpkgError as TrustedIndex.update */
export async function pendingCommits(dir: string, options: PendingOptions): Promise<PendingCommit[]> {
  const repository = await openIndex(dir);
  return (await judge(repository, options)).map(({ pending }) => pending);
}

/** Publishes what has enough signatures: `main` moves on as far as all before it have. Gives how many did, and what is left. */
export async function settlePending(
  dir: string,
  options: PendingOptions,
): Promise<{ readonly published: number; readonly pending: readonly PendingCommit[] }> {
  const repository = await openIndex(dir);
  const judged = await judge(repository, options);
  const open = judged.findIndex(({ pending }) => !pending.complete);
  const published = open < 0 ? judged.length : open;
  const last = judged[published - 1];
  if (last !== undefined) {
    const main = await repository.resolveRef(MAIN);
    await repository.writeRef(MAIN, last.link.commit.oid, main ?? null);
    await forgetSignatures(repository, last.pending.sequence);
    // unless another process has put more on top meanwhile
    if ((await repository.resolveRef(PENDING)) === last.link.commit.oid) await repository.deleteRef(PENDING);
  }
  return { published, pending: judged.slice(published).map(({ pending }) => pending) };
}

/**
 * Signs everything that is pending with those of `signers` that may and have not yet.
 * @returns the co-signature tags made, in the order of the commits
 * @throws GtpkgError SIGNER_UNKNOWN when none of them may sign any of it, DOUBLE_SIGNATURE
 */
export async function signPending(
  dir: string,
  signers: readonly Signer[],
  options: PendingOptions,
): Promise<{ readonly tags: Objects; readonly signed: readonly PendingCommit[] }> {
  const repository = await openIndex(dir);
  const judged = await judge(repository, options);
  const allowed = new Set(judged.flatMap(({ pending }) => pending.needs.flatMap(({ roots }) => roots)));
  if (judged.length > 0 && !signers.some(({ fingerprint }) => allowed.has(fingerprint)))
    throw new GtpkgError('SIGNER_UNKNOWN', 'None of these keys may sign what is pending', {
      hint: `Its roots are ${[...allowed].join(', ')}.`,
      data: { signers: signers.map(({ fingerprint }) => fingerprint) },
    });
  const tags: Objects = new Map();
  const signed: PendingCommit[] = [];
  const refs = new Map<string, Oid>();
  for (const { link, pending } of judged) {
    const who = signers.filter(({ fingerprint }) => pending.missing.includes(fingerprint));
    await refuseDoubleSignatures(repository, pending.sequence, who, pending.commit);
    for (const signer of who) {
      const time = Math.floor(options.now.getTime() / 1000);
      const { cleanPerson } = await import('../git/objects.js');
      const tagger = { ...cleanPerson(signer.person.name, signer.person.email), time };
      const body = await cosign(link.commit, signer, tagger);
      const oid = hashObject('tag', body);
      tags.set(oid, { type: 'tag', body });
      refs.set(`refs/tags/${cosignTagName(pending.commit, signer.fingerprint)}`, oid);
    }
    if (who.length > 0) signed.push(pending);
    await recordSignatures(repository, { sequence: pending.sequence, commit: pending.commit, signers: who });
  }
  await repository.importPack(tags.values());
  for (const [ref, oid] of refs) await repository.writeRef(ref, oid);
  return { tags, signed };
}

/**
 * Takes co-signatures of what is pending that came from elsewhere; what is not a good signature of a root that may is left out.
 * @returns how many were new
 */
export async function takeCosignatures(
  dir: string,
  came: Iterable<GitObject>,
  options: PendingOptions,
): Promise<number> {
  const repository = await openIndex(dir);
  const groups = groupTags([...came]);
  let taken = 0;
  for (const { link, pending } of await judge(repository, options)) {
    const missing = new Set(pending.missing);
    const keys = await rootKeysOf(repository, link, pending);
    for (const statement of cosignStatements(link.commit, groups.get(pending.commit) ?? [])) {
      if (statement.claimed === undefined || statement.tag === undefined || !missing.has(statement.claimed))
        continue;
      try {
        const signer = await verifyStatement(statement, keys, { now: options.now });
        if (signer !== statement.claimed) continue;
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        continue;
      }
      const tag = (groups.get(pending.commit) ?? []).find(
        ({ body }) => hashObject('tag', body) === statement.tag,
      );
      if (tag === undefined) continue;
      await repository.importPack([tag]);
      await repository.writeRef(
        `refs/tags/${cosignTagName(pending.commit, statement.claimed)}`,
        statement.tag,
      );
      missing.delete(statement.claimed);
      taken++;
    }
  }
  return taken;
}

/** Takes back what is pending. Signatures that left this machine are still good: see index.md §12. @throws GtpkgError INDEX_NOT_FOUND */
export async function dropPending(dir: string): Promise<void> {
  const repository = await openIndex(dir);
  await repository.deleteRef(PENDING);
  await forgetSignatures(repository);
}

/** The pending line, oldest first, and the published head that it stands on. */
export async function pendingLine(
  repository: Repository,
): Promise<{ readonly base: Oid | undefined; readonly commits: readonly Oid[] }> {
  const main = await repository.resolveRef(MAIN);
  const tip = await repository.resolveRef(PENDING);
  if (tip === undefined) return { base: main, commits: [] };
  const read: Read = (oid) => repository.read(oid);
  const line = await lineage(read, tip, async (oid) => {
    if (main !== undefined && oid === main) return true;
    const view = await viewIndex(read, oid);
    // a commit before the published head: what was pending is published, or of another time
    return isAnchor(view);
  });
  const commits = line.map(({ oid }) => oid);
  if (main === undefined) return { base: undefined, commits };
  return { base: main, commits: commits[0] === main ? commits.slice(1) : [] };
}

async function judge(repository: Repository, { introduction, now }: PendingOptions): Promise<Judged[]> {
  const { base, commits } = await pendingLine(repository);
  if (commits.length === 0) return [];
  const digests = await DigestFile.load(repository.dir);
  const read: Read = (oid) => repository.read(oid);
  const held: Objects = new Map();
  if (base !== undefined) await holdCommit(repository, base, { held });
  const tags: GitObject[] = [];
  let before = base;
  for (const oid of commits) {
    const tree = before === undefined ? undefined : openCommit(await read(before)).tree;
    for (const [id, object] of await topObjects(read, oid, tree)) held.set(id, object);
    tags.push(...(await cosignaturesOf(repository, oid)).values());
    await completeDigests(repository, digests, openCommit(await read(oid)).tree);
    before = oid;
  }
  const lookup = (oid: Oid): GitObject | undefined => held.get(oid);
  const step: Step = { lookup, ids: digests, now, tags: groupTags(tags), whole: true };
  const opened = (oid: Oid): OpenedCommit => openCommit(held.get(oid) as GitObject);
  let link = base === undefined ? undefined : await trustedLink(opened(base), lookup, digests);
  const out: Judged[] = [];
  for (const oid of commits) {
    const commit = opened(oid);
    const parent: Link | undefined = link;
    const believe = (one: Step): Promise<Link> =>
      parent === undefined ? anchorLink(introduction, commit, one) : nextLink(parent, commit, one);
    const proposed = await believe({ ...step, proposed: true });
    const complete = await believe(step).then(
      () => true,
      (error: unknown) => {
        if (error instanceof GtpkgError && error.code === 'THRESHOLD_NOT_MET') return false;
        // none of one side of a rotation has signed yet
        if (error instanceof GtpkgError && error.code === 'SIGNER_UNKNOWN') return false;
        throw error;
      },
    );
    out.push({ link: proposed, pending: describe(proposed, parent ?? introduction, complete) });
    link = proposed;
  }
  return out;
}

function describe(link: Link, before: Link | Introduction, complete: boolean): PendingCommit {
  const { distribution, authorizations } = link.top;
  const old = 'top' in before ? before.top.authorizations : before;
  const same = old.threshold === authorizations.threshold && old.roots.join() === authorizations.roots.join();
  const needs = [old, ...(same ? [] : [authorizations])].map(({ roots, threshold }) => ({
    roots,
    threshold,
  }));
  return {
    commit: link.commit.oid,
    name: distribution.name,
    sequence: distribution.sequence,
    date: distribution.date,
    signers: [...link.signers].sort(),
    needs,
    missing: [...new Set(needs.flatMap(({ roots }) => roots))]
      .filter((root) => !link.signers.has(root))
      .sort(),
    complete,
    changes: link.commit.message.changes,
  };
}

async function rootKeysOf(
  repository: Repository,
  link: Link,
  pending: PendingCommit,
): Promise<import('../trust/index.js').PublicKey[]> {
  const { readIndexKey } = await import('./index-view.js');
  const keys = [...link.roots.values()];
  for (const root of pending.missing) {
    const parent = link.commit.parents[0];
    if (link.roots.has(root) || parent === undefined) continue;
    keys.push(await readIndexKey(repository, parent, root));
  }
  return keys;
}
