/**
 * Who signed an index commit: the commit's own signature and the co-signatures, counted by distinct primary keys.
 * docs/formats/index.md §6. Pure but for the cryptography.
 */
import { GtpkgError, limits, type Fingerprint, type Oid } from '../model/index.js';
import { hashObject, parseTag, type GitObject } from '../git/objects.js';
import { verifyDetached, type PublicKey } from '../trust/index.js';
import type { OpenedCommit } from './index-commit.js';
import { cosignTagName, parseCosignMessage } from './messages.js';

/** When a signature is judged. */
export interface Judgement {
  readonly now: Date;
  /**
   * Set for a commit that others were built upon: a key that has expired since then may have signed it, if it had not
   * expired when the parent was made. The place in the chain is the clock, not the signature's own date.
   */
  readonly position?: { readonly parentDate: Date | undefined; readonly commitDate: Date };
}

/** A signature and what it covers. */
export interface Statement {
  readonly signed: Buffer;
  readonly signature: string;
  /** the signer that a co-signature's name claims */
  readonly claimed?: Fingerprint;
  /** id of the tag object of a co-signature */
  readonly tag?: Oid;
  readonly stated: Date;
}

/** The commit's own signature. @throws GtpkgError SIGNATURE_MISSING */
export function commitStatement(commit: OpenedCommit): Statement {
  if (commit.signature === undefined) {
    throw new GtpkgError('SIGNATURE_MISSING', `The index commit ${commit.oid} is not signed`, {
      data: { commit: commit.oid },
    });
  }
  return { signed: commit.payload, signature: commit.signature, stated: commit.committed };
}

/** Tags by the object that they name, so that each commit finds its own. */
export function groupTags(tags: readonly GitObject[]): ReadonlyMap<Oid, readonly GitObject[]> {
  const groups = new Map<Oid, GitObject[]>();
  for (const tag of tags) {
    const target = /^object ([0-9a-f]{40})\n/.exec(tag.body.toString('latin1', 0, 48))?.[1] as
      Oid | undefined;
    if (target === undefined) continue;
    const group = groups.get(target);
    if (group === undefined) groups.set(target, [tag]);
    else if (group.length < 2 * limits.MAX_ROOTS) group.push(tag);
  }
  return groups;
}

/** Co-signatures of `commit` among `tags`; those that do not speak of exactly this commit are left out. */
export function cosignStatements(commit: OpenedCommit, tags: readonly GitObject[]): Statement[] {
  const statements: Statement[] = [];
  for (const { type, body } of tags) {
    if (type !== 'tag' || body.length > limits.MAX_INDEX_COMMIT) continue;
    try {
      const tag = parseTag(body);
      if (tag.object !== commit.oid || tag.type !== 'commit' || tag.signature === undefined) continue;
      const message = parseCosignMessage(tag.message);
      const claimed = tag.tag.slice(tag.tag.lastIndexOf('/') + 1) as Fingerprint;
      // index.md §6: SHA-256 of the commit and of its tree bind the tag; SHA-1 alone would not
      const matches =
        message.commit === commit.sha256 &&
        message.tree === commit.message.tree &&
        message.name === commit.message.name &&
        message.sequence === commit.message.sequence &&
        tag.tag === cosignTagName(commit.oid, claimed);
      if (!matches) continue;
      const stated = new Date(tag.tagger.time * 1000);
      statements.push({
        signed: tag.payload,
        signature: tag.signature,
        claimed,
        tag: hashObject('tag', body),
        stated,
      });
    } catch (error) {
      // a malformed co-signature counts for nothing; the threshold decides
      if (!(error instanceof GtpkgError)) throw error;
    }
  }
  return statements;
}

/** One signature. @throws GtpkgError as verifyDetached */
export async function verifyStatement(
  statement: Statement,
  keys: readonly PublicKey[],
  judgement: Judgement,
): Promise<Fingerprint> {
  const { signed, signature } = statement;
  const { now, position } = judgement;
  try {
    return (await verifyDetached({ signed, signature, keys, now })).signer;
  } catch (error) {
    if (position === undefined || !(error instanceof GtpkgError) || !isOutOfTime(error)) throw error;
    const stated = Math.max(statement.stated.getTime(), position.commitDate.getTime());
    const { signer, issuer } = await verifyDetached({
      signed,
      signature,
      keys,
      now: new Date(Math.min(now.getTime(), stated)),
    });
    const key = keys
      .find((owner) => owner.fingerprint === signer)
      ?.signing.find((one) => one.fingerprint === issuer);
    const { parentDate } = position;
    if (
      parentDate !== undefined &&
      [key?.expires, key?.weakFrom].some((end) => end !== undefined && end <= parentDate)
    )
      throw error;
    return signer;
  }
}

// The key has expired, or its algorithm is refused since a date.
function isOutOfTime({ code, data }: GtpkgError): boolean {
  return code === 'SIGNER_EXPIRED' || (code === 'SIGNATURE_WEAK' && data['since'] !== undefined);
}

/** What requireSigners needs. */
export interface SignersOptions {
  readonly commit: OpenedCommit;
  /** raw co-signature tags of this commit; others among them are passed over */
  readonly cosignatures: readonly GitObject[];
  /** the keys that may sign */
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
  readonly judgement: Judgement;
  /** the commit's own signature may be by somebody else: by the other side of a change of roots */
  readonly ownElsewhere?: boolean;
}

/**
 * The distinct primary keys among `keys` that signed the commit, at least `threshold` of them. Co-signatures that do not
 * verify count for nothing.
 * @throws GtpkgError SIGNATURE_*, SIGNER_* for the commit's own signature, THRESHOLD_NOT_MET
 */
export async function requireSigners(options: SignersOptions): Promise<ReadonlySet<Fingerprint>> {
  const { commit, cosignatures, keys, threshold, judgement, ownElsewhere } = options;
  const own = commitStatement(commit);
  const signers = new Set<Fingerprint>();
  let refused: GtpkgError | undefined;
  if (ownElsewhere !== true) signers.add(await verifyStatement(own, keys, judgement));
  for (const statement of [
    ...(ownElsewhere === true ? [own] : []),
    ...cosignStatements(commit, cosignatures),
  ]) {
    try {
      const signer = await verifyStatement(statement, keys, judgement);
      // index.md §6: a set, so the same key twice, or two subkeys of one primary key, are one
      if (statement.claimed === undefined || statement.claimed === signer) signers.add(signer);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      refused ??= error;
    }
  }
  if (signers.size >= threshold) return signers;
  if (signers.size === 0 && refused !== undefined) throw refused;
  throw new GtpkgError(
    'THRESHOLD_NOT_MET',
    `The index commit ${commit.oid} has ${signers.size} of the ${threshold} signatures that it needs`,
    {
      hint: 'What is known was kept. More of its roots must sign it.',
      data: {
        commit: commit.oid,
        needed: threshold,
        signers: [...signers],
        ...(refused === undefined ? {} : { refused: refused.code }),
      },
      cause: refused,
    },
  );
}
