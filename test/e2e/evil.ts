/**
 * Makes hostile things with the rooms' own functions, as somebody would who has a publisher's home and leaves the checks out:
 * index commits signed by whoever, entries that name anything, records put on an index core. Releases: evil-release.ts.
 */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitIndex } from '../../index-repo/commit-index.js';
import { DigestFile } from '../../index-repo/digest-file.js';
import {
  encodeRecord,
  headOf,
  openIndex,
  publishIndex,
  viewIndex,
  type IndexEntry,
} from '../../index-repo/index.js';
import { collectSnapshot, packObjects } from '../../index-repo/packs.js';
import { editShards } from '../../index-repo/shard-edit.js';
import { parseCoreKey, parseFingerprint, type CoreKey, type Oid } from '../../model/index.js';
import { openDepot, type Depot, type Log } from '../../replication/index.js';
import { generateKey, KeyStore, type PublicKey, type Signer } from '../../trust/index.js';

/** The depot of a home, through its seeder when that runs; touches no network. */
export async function withDepot<T>(home: string, work: (depot: Depot) => Promise<T>): Promise<T> {
  const depot = await openDepot({ home, bootstrap: [], offline: true });
  try {
    return await work(depot);
  } finally {
    await depot.close();
  }
}

/** The private key of a home. */
export function signerOf(home: string, fingerprint: string): Promise<Signer> {
  return new KeyStore(join(home, 'keys')).signer(parseFingerprint(fingerprint), async () => undefined);
}

/** Somebody with a key of their own, made in an empty key store at `dir`. */
export async function stranger(dir: string, name = 'Mallory'): Promise<Signer> {
  const store = new KeyStore(dir);
  const { privateKey } = await generateKey({ name, email: `${name.toLowerCase()}@example.org` });
  const { fingerprint } = await store.import(privateKey);
  return store.signer(fingerprint, async () => undefined);
}

/** An index kept in a home: its repository and the core that it is published on. */
export interface IndexPlace {
  readonly home: string;
  readonly directory: string;
  readonly core: CoreKey;
}

export async function indexPlace(home: string, name: string): Promise<IndexPlace> {
  const { indexCore } = JSON.parse(await readFile(join(home, 'indexes', name, 'index.json'), 'utf8')) as {
    indexCore: string;
  };
  return { home, directory: join(home, 'indexes', name, 'index.git'), core: parseCoreKey(indexCore) };
}

/** The index as it is now, in a repository of its own at `directory`; it still names the same core. */
export async function copyOf(place: IndexPlace, directory: string): Promise<IndexPlace> {
  await cp(place.directory, directory, { recursive: true });
  return { ...place, directory };
}

/** What a commit is to bring. */
export interface CommitWish {
  readonly signers: readonly Signer[];
  readonly entries?: readonly IndexEntry[];
  readonly keys?: readonly PublicKey[];
  readonly now?: Date;
}

/** The next index commit, signed by whoever is given and checked by nobody. Moves `main`. */
export async function commitAnyway({ directory }: IndexPlace, wish: CommitWish): Promise<Oid> {
  const repository = await openIndex(directory);
  const view = await viewIndex((oid) => repository.read(oid), await headOf(repository));
  const changes = (wish.entries ?? []).map((entry) => ({ kind: 'add' as const, suite: 'stable', entry }));
  const edits = await editShards((oid) => repository.read(oid), view.top.get('suites')?.oid, changes, {
    keepVersions: 9,
    allowOlder: true,
    date: wish.now ?? new Date(),
  });
  const files = new Map(edits.files);
  for (const key of wish.keys ?? []) files.set(`keys/${key.fingerprint}.asc`, Buffer.from(key.armored));
  const now = wish.now ?? new Date();
  const commit = await commitIndex({
    repository,
    digests: await DigestFile.load(directory),
    parent: view.commit,
    files,
    distribution: {
      ...view.distribution,
      sequence: view.distribution.sequence + 1,
      date: new Date(Math.floor(now.getTime() / 1000) * 1000),
      validUntil: new Date(Math.floor(now.getTime() / 1000 + 30 * 86_400) * 1000),
      architectures: [...new Set([...view.distribution.architectures, ...edits.architectures])].filter(
        (architecture) => architecture !== 'all',
      ),
    },
    authorizations: view.authorizations,
    signers: wish.signers,
    changes: ['as you were'],
    now,
  });
  return commit.oid;
}

async function withLog<T>(
  { home, core }: IndexPlace,
  work: (log: Log, depot: Depot) => Promise<T>,
): Promise<T> {
  return withDepot(home, async (depot) => {
    const log = await depot.openLog(core, { offline: true });
    try {
      return await work(log, depot);
    } finally {
      await log.close();
    }
  });
}

/** Puts the head of the repository on the index core, as publishing does. */
export async function push(place: IndexPlace): Promise<void> {
  await withLog(place, (log, depot) =>
    publishIndex(place.directory, { log, putCore: (bytes) => depot.putStaticBytes(bytes) }),
  );
}

/** Puts the head of the repository on the index core whatever stands there: with the transport key alone. */
export async function pushAnyway(place: IndexPlace): Promise<void> {
  const repository = await openIndex(place.directory);
  const commit = await headOf(repository);
  const { distribution } = await viewIndex((oid) => repository.read(oid), commit);
  const { objects, anchor } = await collectSnapshot(repository, commit);
  const inline = await packObjects(objects);
  const { sequence } = distribution;
  const record = {
    kind: 'snapshot',
    commit,
    anchor,
    sequence,
    snapshotDistance: 0,
    pack: { inline },
  } as const;
  await withLog(place, (log) => log.append([encodeRecord(record)]));
}

/** Says again what the index core said in an earlier block. */
export async function replay(place: IndexPlace, block: number): Promise<void> {
  await withLog(place, async (log) => log.append([await log.get(block)]));
}
