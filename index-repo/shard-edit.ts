/**
 * Applies additions and removals of entries to the shards of an index; reads only the shards they touch.
 */
import { GtpkgError, compareVersions, type Cosignature, type Fingerprint, type Oid } from '../model/index.js';
import { amendEntry, compareEntries, formatShard, parseShard, shardPath, type IndexEntry } from './entry.js';
import { findPath, readTree, type Read } from './walk.js';

/** A change of one suite. */
export type EntryChange =
  | { readonly kind: 'add'; readonly suite: string; readonly entry: IndexEntry }
  | {
      readonly kind: 'remove';
      readonly suite: string;
      readonly name: string;
      readonly version?: string;
      readonly architecture?: string;
    };

/** How additions are treated. */
export interface EntryRules {
  /** versions of one package and architecture that stay in a suite */
  readonly keepVersions: number;
  /** accept a version lower than the highest that is there */
  readonly allowOlder: boolean;
  /** date of the commit: what is listed now is listed since then */
  readonly date: Date;
}

/** What came of it: changed files, and a line for each change. */
export interface ShardEdits {
  readonly files: Map<string, Buffer | undefined>;
  readonly lines: string[];
  readonly architectures: Set<string>;
  readonly signers: Set<Fingerprint>;
}

/**
 * @param suites - tree of suites; undefined while there is none
 * @throws GtpkgError ALREADY_EXISTS, PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, ENTRY_MALFORMED
 */
export async function editShards(
  read: Read,
  suites: Oid | undefined,
  changes: readonly EntryChange[],
  rules: EntryRules,
): Promise<ShardEdits> {
  const edits: ShardEdits = { files: new Map(), lines: [], architectures: new Set(), signers: new Set() };
  const shards = new Map<string, Shard>();
  const open = async (suite: string, architecture: string, name: string): Promise<Shard> => {
    const shard = shardPath(name);
    const path = `${suite}/${architecture}/${shard}`;
    const known = shards.get(path);
    if (known !== undefined) return known;
    const found = suites === undefined ? undefined : await findPath(read, suites, path);
    const before = found === undefined ? undefined : (await read(found.oid)).body;
    const entries =
      before === undefined ? [] : parseShard(before, { where: `suites/${path}`, architecture, shard });
    const opened: Shard = { before, entries, added: new Set() };
    shards.set(path, opened);
    return opened;
  };
  for (const change of changes) {
    if (change.kind === 'add') {
      const { name, architecture } = change.entry.pin;
      const line = add(await open(change.suite, architecture, name), change, rules);
      if (line === undefined) continue;
      edits.lines.push(...line);
      edits.architectures.add(architecture);
      edits.signers.add(change.entry.pin.signer);
    } else {
      const architectures =
        change.architecture === undefined
          ? await architecturesOf(read, suites, change.suite, shards)
          : [change.architecture];
      let removed: string[] = [];
      for (const architecture of architectures)
        removed = removed.concat(remove(await open(change.suite, architecture, change.name), change));
      if (removed.length === 0) throw notFound(change);
      edits.lines.push(...removed);
    }
  }
  for (const [path, { before, entries }] of shards) {
    const after = entries.length === 0 ? undefined : formatShard(entries);
    if (after === undefined ? before !== undefined : before === undefined || !after.equals(before))
      edits.files.set(`suites/${path}`, after);
  }
  return edits;
}

interface Shard {
  readonly before: Buffer | undefined;
  entries: IndexEntry[];
  /** entries of this change: pruning leaves them alone */
  readonly added: Set<IndexEntry>;
}

function add(
  shard: Shard,
  { suite, entry: given }: Extract<EntryChange, { kind: 'add' }>,
  rules: EntryRules,
): string[] | undefined {
  const { name, version, architecture } = given.pin;
  const own = shard.entries.filter((other) => other.pin.name === name);
  const twin = own.find((other) => compareVersions(other.pin.version, version) === 0);
  // index.md §4: since when this very tag is listed; what was signed on it stays
  const same = twin?.pin.tag === given.pin.tag ? twin : undefined;
  const entry = amendEntry(given, {
    listed: same === undefined ? rules.date : (same.pin.listed ?? rules.date),
    cosignatures: mergeCosignatures(same?.cosignatures ?? [], given.cosignatures),
  });
  if (twin !== undefined) {
    if (twin.fields.toString() === entry.fields.toString()) return undefined;
    if (twin.pin.tree !== entry.pin.tree) {
      throw new GtpkgError(
        'ALREADY_EXISTS',
        `${name} ${twin.pin.version} (${architecture}) is in ${suite} already, with other contents`,
        {
          hint: 'A published version never changes: raise the version and publish again.',
          data: {
            package: name,
            version: twin.pin.version,
            architecture,
            suite,
            published: twin.pin.tree,
            offered: given.pin.tree,
          },
        },
      );
    }
    shard.entries = shard.entries.map((other) => (other === twin ? entry : other));
    shard.added.add(entry);
    const what = twin.pin.tag === entry.pin.tag ? 'update' : 're-sign';
    return [`${what} ${name} ${version} (${architecture}) in ${suite}`];
  }
  const newest = [...own].sort(compareEntries).at(-1);
  if (newest !== undefined && compareVersions(newest.pin.version, version) > 0 && !rules.allowOlder) {
    throw new GtpkgError(
      'ALREADY_EXISTS',
      `${name} ${newest.pin.version} (${architecture}) is in ${suite} already and is newer than ${version}`,
      {
        hint: 'Raise the version, or allow older ones explicitly.',
        data: { package: name, version, newest: newest.pin.version, architecture, suite },
      },
    );
  }
  shard.entries.push(entry);
  shard.added.add(entry);
  // the newest ones stay, and what this change brings
  const kept = new Set([...own, entry].sort(compareEntries).slice(-rules.keepVersions));
  const dropped = own.filter((other) => !kept.has(other) && !shard.added.has(other));
  shard.entries = shard.entries.filter((other) => !dropped.includes(other));
  return [
    `add ${name} ${version} (${architecture}) to ${suite}`,
    ...dropped.map(({ pin }) => `drop ${name} ${pin.version} (${architecture}) from ${suite}`),
  ];
}

// The newer one of a signer wins: it may be by a key that lives longer.
function mergeCosignatures(
  known: readonly Cosignature[],
  came: readonly Cosignature[],
): readonly Cosignature[] {
  return [...new Map([...known, ...came].map((each) => [each.signer, each])).values()];
}

function remove(shard: Shard, { suite, name, version }: Extract<EntryChange, { kind: 'remove' }>): string[] {
  const gone = shard.entries.filter(
    (entry) => entry.pin.name === name && (version === undefined || entry.pin.version === version),
  );
  shard.entries = shard.entries.filter((entry) => !gone.includes(entry));
  return gone.map(({ pin }) => `remove ${pin.name} ${pin.version} (${pin.architecture}) from ${suite}`);
}

async function architecturesOf(
  read: Read,
  suites: Oid | undefined,
  suite: string,
  shards: ReadonlyMap<string, Shard>,
): Promise<string[]> {
  const tree = suites === undefined ? undefined : await findPath(read, suites, suite);
  const stored = tree === undefined ? [] : (await readTree(read, tree.oid)).map((entry) => entry.name);
  const touched = [...shards.keys()].map((path) => path.split('/')).filter((parts) => parts[0] === suite);
  return [...new Set([...stored, ...touched.map((parts) => parts[1] ?? '')])].sort();
}

function notFound({
  suite,
  name,
  version,
  architecture,
}: Extract<EntryChange, { kind: 'remove' }>): GtpkgError {
  const what = `${name}${version === undefined ? '' : ` ${version}`}${architecture === undefined ? '' : ` (${architecture})`}`;
  return new GtpkgError(
    version === undefined ? 'PACKAGE_NOT_FOUND' : 'VERSION_NOT_FOUND',
    `${what} is not in ${suite}`,
    {
      hint: 'See gtpkg index list.',
      data: { package: name, suite, ...(version === undefined ? {} : { version }) },
    },
  );
}
