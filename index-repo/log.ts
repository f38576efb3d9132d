/**
 * Reads an index for people: its history, what it says of itself, what it lists.
 */
import { GtpkgError, type Fingerprint, type Introduction, type Oid } from '../model/index.js';
import { parseTree } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import type { PublicKey } from '../trust/index.js';
import type { Authorizations, Distribution } from './documents.js';
import { parseShardPath } from './entry-changes.js';
import { parseShard, type IndexEntry } from './entry.js';
import {
  introductionOf,
  isAnchor,
  keyFilesOf,
  newestOf,
  openIndex,
  tipOf,
  viewIndex,
  type IndexView,
} from './index-view.js';
import { parseKeyFile } from './key-files.js';
import { COSIGN } from './packs.js';
import { pendingLine } from './pending.js';
import { commitStatement, cosignStatements, verifyStatement } from './signers.js';
import { walkTree, type Read } from './walk.js';

/** One signed state. */
export interface LogEntry {
  readonly commit: Oid;
  readonly parent?: Oid;
  readonly name: string;
  readonly sequence: number;
  readonly date: Date;
  readonly validUntil: Date;
  /** a new introduction starts here: the first commit of an index or of a fork */
  readonly anchor: boolean;
  /** too few roots have signed it yet: nobody follows it */
  readonly pending: boolean;
  /** roots whose signatures on this commit verify */
  readonly signers: readonly Fingerprint[];
  /** what changed, one line each */
  readonly changes: readonly string[];
}

/**
 * The history from the newest commit (or `from`) back, what is pending included, as far as it is held here.
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, INDEX_MALFORMED
 */
export async function* indexLog(dir: string, options: { from?: Oid } = {}): AsyncGenerator<LogEntry> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const keys = new Map<Oid, PublicKey>();
  const tags = [...(await repository.listRefs(COSIGN))];
  let oid: Oid | undefined = options.from ?? (await tipOf(repository));
  const waiting = new Set((await pendingLine(repository)).commits);
  let view: IndexView | undefined = await viewIndex(read, oid);
  while (view !== undefined) {
    const { commit, distribution }: IndexView = view;
    const parent: Oid | undefined = commit.parents[0];
    const before: IndexView | undefined =
      parent !== undefined && (await repository.has(parent)) ? await viewIndex(read, parent) : undefined;
    const own = tags.filter(([ref]) => ref.startsWith(`${COSIGN}${commit.oid}/`)).map(([, tag]) => tag);
    const accepted = await rootKeys(repository, before === undefined ? [view] : [before, view], keys);
    yield {
      commit: commit.oid,
      ...(parent === undefined ? {} : { parent }),
      name: distribution.name,
      sequence: distribution.sequence,
      date: distribution.date,
      validUntil: distribution.validUntil,
      anchor: isAnchor(view),
      pending: waiting.has(commit.oid),
      signers: await signersOf(view, await Promise.all(own.map((tag) => repository.read(tag))), accepted),
      changes: commit.message.changes,
    };
    oid = parent;
    view = before;
  }
}

async function rootKeys(
  repository: Repository,
  views: readonly IndexView[],
  cache: Map<Oid, PublicKey>,
): Promise<PublicKey[]> {
  const found: PublicKey[] = [];
  for (const view of views) {
    const files = await keyFilesOf((oid) => repository.read(oid), view);
    for (const root of view.authorizations.roots) {
      const blob = files.get(root);
      if (blob === undefined) continue;
      const key = cache.get(blob) ?? (await parseKeyFile(root, await repository.readType(blob, 'blob')));
      cache.set(blob, key);
      found.push(key);
    }
  }
  return found;
}

// A key that has expired since then signed nonetheless: the commit's own date is the clock of a history.
async function signersOf(
  view: IndexView,
  tags: Parameters<typeof cosignStatements>[1],
  keys: readonly PublicKey[],
): Promise<Fingerprint[]> {
  const signers = new Set<Fingerprint>();
  const position = { parentDate: undefined, commitDate: view.commit.committed };
  for (const statement of [commitStatement(view.commit), ...cosignStatements(view.commit, tags)]) {
    try {
      signers.add(await verifyStatement(statement, keys, { now: new Date(), position }));
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
    }
  }
  return [...signers].sort();
}

/** What an index says of itself at one commit. */
export interface IndexInfo {
  readonly commit: Oid;
  readonly distribution: Distribution;
  readonly authorizations: Authorizations;
  /** all keys in it, roots and maintainers */
  readonly keys: readonly Fingerprint[];
  /** for new users, without hints where peers are */
  readonly introduction: Introduction;
}

/** @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, INDEX_MALFORMED */
export async function showIndex(dir: string, options: { commit?: Oid } = {}): Promise<IndexInfo> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const commit = options.commit ?? (await newestOf(repository));
  const view = await viewIndex(read, commit);
  const { distribution, authorizations } = view;
  return {
    commit,
    distribution,
    authorizations,
    keys: [...(await keyFilesOf(read, view)).keys()],
    introduction: introductionOf(view),
  };
}

/** One release in one suite. */
export interface ListedEntry {
  readonly suite: string;
  readonly entry: IndexEntry;
}

/**
 * Every entry, shard by shard: by suite, then architecture, in no order of names.
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, ENTRY_MALFORMED, INDEX_MALFORMED
 */
export async function* listEntries(
  dir: string,
  options: { suite?: string; commit?: Oid } = {},
): AsyncGenerator<ListedEntry> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const view = await viewIndex(read, options.commit ?? (await newestOf(repository)));
  const suites = view.top.get('suites');
  if (suites === undefined) return;
  for (const { name: suite, oid } of parseTree(await repository.readType(suites.oid, 'tree'))) {
    if (options.suite !== undefined && options.suite !== suite) continue;
    for await (const { path, object } of walkTree(read, oid)) {
      if (object.type !== 'blob') continue;
      const place = parseShardPath(`${suite}/${path}`);
      if (place === undefined) continue;
      const { architecture, shard } = place;
      for (const entry of parseShard(object.body, { where: `suites/${suite}/${path}`, architecture, shard }))
        yield { suite, entry };
    }
  }
}
