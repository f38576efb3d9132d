/**
 * Reads one index commit and the small files at the top of its tree. docs/formats/index.md §1–§5. Pure: objects in, facts out.
 *
 * openCommit takes the raw object apart; nothing of it is to be believed until its signatures are checked.
 * readTop binds the tree to the signed SHA-256 first and only then parses what stands in it.
 */
import { GtpkgError, limits, type Fingerprint, type Oid, type Sha256 } from '../model/index.js';
import {
  encodeTree256,
  hashObject,
  hashObject256,
  parseCommit,
  parseTree,
  type GitObject,
} from '../git/objects.js';
import {
  parseAuthorizations,
  parseDistribution,
  type Authorizations,
  type Distribution,
} from './documents.js';
import { parseCommitMessage, type CommitMessage } from './messages.js';
import { commit256, type Ids256 } from './object-ids.js';
import { policyEntries } from './policy-tree.js';

/** Gives an object by its SHA-1 id; undefined when it is not at hand. */
export type Lookup = (oid: Oid) => GitObject | undefined;

/** A commit taken apart, not yet trusted. */
export interface OpenedCommit {
  readonly oid: Oid;
  /** SHA-256 of the raw object */
  readonly sha256: Sha256;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly message: CommitMessage;
  readonly committed: Date;
  /** armoured; absent when the commit is not signed */
  readonly signature?: string;
  /** the bytes that the signature covers */
  readonly payload: Buffer;
}

/** A file whose SHA-256 id was computed from its bytes. */
export interface FileId {
  readonly oid: Oid;
  readonly oid256: Sha256;
}

/** The top of an index tree. */
export interface Top {
  readonly distribution: Distribution;
  readonly authorizations: Authorizations;
  readonly authorizationsFile: FileId;
  readonly keysTree: FileId;
  readonly keyFiles: ReadonlyMap<Fingerprint, FileId>;
  /** absent in an index that delegates nothing */
  readonly policyTree?: FileId;
  /** the tree of suites; absent in an empty index */
  readonly suites?: Oid;
}

/**
 * Takes a raw commit apart; its id is computed here.
 * @throws GtpkgError LIMIT_EXCEEDED, OBJECT_CORRUPT, SIGNATURE_MALFORMED, INDEX_MALFORMED
 */
export function openCommit({ type, body }: GitObject): OpenedCommit {
  if (body.length > limits.MAX_INDEX_COMMIT)
    throw new GtpkgError('LIMIT_EXCEEDED', `An index commit of more than ${limits.MAX_INDEX_COMMIT} bytes`);
  if (type !== 'commit')
    throw new GtpkgError('INDEX_MALFORMED', `A ${type} where an index commit is expected`);
  const { tree, parents, message, committer, signature, payload } = parseCommit(body);
  if (parents.length > 1)
    throw new GtpkgError('INDEX_MALFORMED', 'An index commit with more than one parent');
  const read = parseCommitMessage(message);
  if ((parents.length === 0) !== (read.parent === undefined)) {
    throw new GtpkgError(
      'INDEX_MALFORMED',
      'An index commit whose Parent-SHA256 and parent do not go together',
    );
  }
  return {
    oid: hashObject('commit', body),
    sha256: commit256(body),
    tree,
    parents,
    message: read,
    committed: new Date(committer.time * 1000),
    ...(signature === undefined ? {} : { signature }),
    payload,
  };
}

/** What readTop works with. */
export interface TopSources {
  readonly lookup: Lookup;
  readonly ids: Ids256;
  /** the parent's top: what has the same id there is not read again */
  readonly before?: Top;
  /** everything below `suites` must be at hand: true for a commit that is to be used, not only passed through */
  readonly whole: boolean;
}

const KINDS: Readonly<Record<string, string>> = {
  distribution: '100644',
  authorizations: '100644',
  keys: '40000',
  policy: '40000',
  suites: '40000',
};

/**
 * Checks Tree-SHA256 against the tree's bytes and reads the files at its top.
 * @throws GtpkgError INDEX_CORRUPT, INDEX_MALFORMED, OBJECT_CORRUPT, LIMIT_EXCEEDED
 */
export function readTop(commit: OpenedCommit, sources: TopSources): Top {
  const { lookup, ids, before, whole } = sources;
  const entries = parseTree(take(lookup, commit.tree, 'tree', limits.MAX_INDEX_FILE));
  const at = new Map(entries.map((entry) => [entry.name, entry]));
  // index.md §1: only these names, so that nothing signed goes unread by mistake
  for (const entry of entries)
    if (KINDS[entry.name] !== entry.mode)
      throw malformed(`"${entry.name.slice(0, 80)}" does not belong into the top of an index`);
  const need = (name: string): Oid => at.get(name)?.oid ?? absent(name);
  const distributionOid = need('distribution');
  const distribution = take(lookup, distributionOid, 'blob', limits.MAX_INDEX_FILE);
  const authorizationsOid = need('authorizations');
  const sameAuthorizations = before?.authorizationsFile.oid === authorizationsOid ? before : undefined;
  const authorizations =
    sameAuthorizations === undefined
      ? take(lookup, authorizationsOid, 'blob', limits.MAX_INDEX_FILE)
      : undefined;
  const authorizationsFile = sameAuthorizations?.authorizationsFile ?? {
    oid: authorizationsOid,
    oid256: hashObject256('blob', authorizations ?? Buffer.alloc(0)),
  };
  const keys = readKeys(need('keys'), sources);
  const policy = at.get('policy')?.oid;
  const policyTree = policy === undefined ? undefined : readPolicy(policy, sources);
  const suites = at.get('suites')?.oid;
  const suites256 = suites === undefined ? undefined : suitesId(commit, ids.get(suites), whole);
  // index.md §5: Tree-SHA256 is recomputed from the bytes at hand; the claim about `suites` is proved by it too
  const ids256 = new Map([
    ['distribution', hashObject256('blob', distribution)],
    ['authorizations', authorizationsFile.oid256],
    ['keys', keys.keysTree.oid256],
  ]);
  if (policyTree !== undefined) ids256.set('policy', policyTree.oid256);
  if (suites256 !== undefined) ids256.set('suites', suites256);
  const tree256 = hashObject256(
    'tree',
    encodeTree256(
      entries.map(({ mode, name }) => ({ mode, name, oid256: ids256.get(name) ?? absent(name) })),
    ),
  );
  if (tree256 !== commit.message.tree || (suites === undefined) !== (commit.message.suites === undefined)) {
    throw new GtpkgError(
      'INDEX_CORRUPT',
      `The tree of index commit ${commit.oid} is not the one that was signed (Tree-SHA256 differs)`,
      {
        data: { commit: commit.oid, signed: commit.message.tree, actual: tree256 },
      },
    );
  }
  return {
    distribution: parseDistribution(distribution),
    authorizations:
      authorizations === undefined ? (before as Top).authorizations : parseAuthorizations(authorizations),
    authorizationsFile,
    ...keys,
    ...(policyTree === undefined ? {} : { policyTree }),
    ...(suites === undefined ? {} : { suites }),
  };
}

function suitesId(commit: OpenedCommit, held: Sha256 | undefined, whole: boolean): Sha256 {
  if (held === undefined && whole) {
    throw new GtpkgError('INDEX_CORRUPT', `The suites of index commit ${commit.oid} are not complete`, {
      data: { commit: commit.oid },
    });
  }
  if (commit.message.suites === undefined || (held !== undefined && held !== commit.message.suites)) {
    throw new GtpkgError(
      'INDEX_CORRUPT',
      `The suites of index commit ${commit.oid} are not the ones that were signed (Suites-SHA256 differs)`,
      {
        data: { commit: commit.oid, signed: commit.message.suites, actual: held },
      },
    );
  }
  return commit.message.suites;
}

function readKeys(
  oid: Oid,
  { lookup, ids, before }: TopSources,
): { keysTree: FileId; keyFiles: ReadonlyMap<Fingerprint, FileId> } {
  if (before?.keysTree.oid === oid) return { keysTree: before.keysTree, keyFiles: before.keyFiles };
  const entries = parseTree(take(lookup, oid, 'tree', limits.MAX_KEYS_TREE));
  if (entries.length > limits.MAX_INDEX_KEYS)
    throw new GtpkgError('LIMIT_EXCEEDED', `An index with more than ${limits.MAX_INDEX_KEYS} keys`);
  const keyFiles = new Map<Fingerprint, FileId>();
  const mapped = entries.map((entry) => {
    const fingerprint = /^([0-9A-F]{40})\.asc$/.exec(entry.name)?.[1] as Fingerprint | undefined;
    if (fingerprint === undefined || entry.mode !== '100644')
      throw malformed(`keys/${entry.name.slice(0, 80)} does not belong into an index`);
    const known = before?.keyFiles.get(fingerprint);
    const file =
      known?.oid === entry.oid ? known : { oid: entry.oid, oid256: keyFileId(entry.oid, lookup, ids) };
    keyFiles.set(fingerprint, file);
    return { mode: entry.mode, name: entry.name, oid256: file.oid256 };
  });
  return { keysTree: { oid, oid256: hashObject256('tree', encodeTree256(mapped)) }, keyFiles };
}

// index.md §12: names, number and sizes; what the files say is read at a trusted head only
function readPolicy(oid: Oid, { lookup, ids, before }: TopSources): FileId {
  if (before?.policyTree?.oid === oid) return before.policyTree;
  const held = lookup(oid) === undefined ? ids.get(oid) : undefined;
  if (held !== undefined) return { oid, oid256: held };
  const mapped = policyEntries(take(lookup, oid, 'tree', limits.MAX_INDEX_FILE)).map(
    ({ mode, name, oid: file }) => ({
      mode,
      name,
      oid256:
        (lookup(file) === undefined ? ids.get(file) : undefined) ??
        hashObject256('blob', take(lookup, file, 'blob', limits.MAX_POLICY_FILE)),
    }),
  );
  return { oid, oid256: hashObject256('tree', encodeTree256(mapped)) };
}

// Bytes at hand are hashed here; a key that is not read again needs only its id.
function keyFileId(oid: Oid, lookup: Lookup, ids: Ids256): Sha256 {
  const held = lookup(oid) === undefined ? ids.get(oid) : undefined;
  return held ?? hashObject256('blob', take(lookup, oid, 'blob', limits.MAX_PUBLIC_KEY));
}

/** An object's bytes, of the right type and size. @throws GtpkgError INDEX_CORRUPT, INDEX_MALFORMED, LIMIT_EXCEEDED */
export function take(lookup: Lookup, oid: Oid, type: GitObject['type'], max: number): Buffer {
  const object = lookup(oid);
  if (object === undefined)
    throw new GtpkgError('INDEX_CORRUPT', `The object ${oid} of the index is missing`, {
      data: { oid, missing: true },
    });
  if (object.type !== type) throw malformed(`a ${object.type} where a ${type} is expected`);
  if (object.body.length > max)
    throw new GtpkgError('LIMIT_EXCEEDED', `The object ${oid} of the index is larger than ${max} bytes`);
  return object.body;
}

function absent(name: string): never {
  throw malformed(`"${name}" is missing`);
}

function malformed(what: string): GtpkgError {
  return new GtpkgError('INDEX_MALFORMED', `The index is malformed: ${what}`);
}
