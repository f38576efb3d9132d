/** An index of many signed commits in memory, made with the rooms' own functions. */
import {
  encodeTree,
  encodeCommit,
  hashObject,
  hashObject256,
  encodeTree256,
  signCommit,
  type GitObject,
} from '../git/objects.js';
import type { IndexUpdate } from '../index-repo/index.js';
import { formatAuthorizations, formatDistribution } from '../index-repo/documents.js';
import { formatCommitMessage } from '../index-repo/messages.js';
import { commit256, computeIds } from '../index-repo/object-ids.js';
import { encodeCoreKey, type Oid, type Sha256 } from '../model/index.js';
import { generateKey, KeyStore, PublicKey } from '../trust/index.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a client is offered, and what it begins with. */
export interface OfferedChain {
  readonly key: PublicKey;
  readonly introduction: string;
  readonly update: IndexUpdate;
}

/** So many states of an empty index, each signed by its one root. */
export async function chainOf(length: number, now: Date): Promise<OfferedChain> {
  const directory = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
  try {
    const store = new KeyStore(directory);
    const { privateKey, publicKey } = await generateKey({ name: 'Bench', email: 'bench@example.org' });
    const { fingerprint } = await store.import(privateKey);
    const signer = await store.signer(fingerprint, () => Promise.resolve(undefined));
    const key = await PublicKey.parse(publicKey);
    const indexCore = encodeCoreKey(Buffer.alloc(32, 7));
    const objects = new Map<Oid, GitObject>();
    const put = (type: GitObject['type'], body: Buffer): Oid => {
      const oid = hashObject(type, body);
      objects.set(oid, { type, body });
      return oid;
    };
    const keyFile = Buffer.from(key.armored);
    const authorizations = formatAuthorizations({ threshold: 1, since: 1, roots: [fingerprint] });
    const files = {
      keyFile: { oid: put('blob', keyFile), oid256: hashObject256('blob', keyFile) },
      authorizations: { oid: put('blob', authorizations), oid256: hashObject256('blob', authorizations) },
    };
    const name = `${fingerprint}.asc`;
    const keys = { mode: '100644', name } as const;
    const keysTree = put('tree', encodeTree([{ ...keys, oid: files.keyFile.oid }]));
    const keysTree256 = hashObject256(
      'tree',
      encodeTree256([{ ...keys, oid256: files.keyFile.oid256 }] as never),
    );
    const date = new Date(Math.floor(now.getTime() / 1000) * 1000);
    const person = { name: 'Bench', email: 'bench@example.org', time: date.getTime() / 1000 };
    const commits: GitObject[] = [];
    let parent: { oid: Oid; sha256: Sha256 } | undefined;
    for (let sequence = 1; sequence <= length; sequence++) {
      const distribution = formatDistribution({
        name: 'bench',
        sequence,
        date,
        validUntil: new Date(date.getTime() + 86_400_000),
        suites: ['stable'],
        architectures: [],
        indexCore,
      });
      const oid = put('blob', distribution);
      const top = [
        { mode: '100644', name: 'authorizations', ...files.authorizations },
        { mode: '100644', name: 'distribution', oid, oid256: hashObject256('blob', distribution) },
        { mode: '40000', name: 'keys', oid: keysTree, oid256: keysTree256 },
      ] as const;
      const tree = put('tree', encodeTree([...top]));
      const payload = encodeCommit({
        tree,
        parents: parent === undefined ? [] : [parent.oid],
        author: person,
        committer: person,
        message: formatCommitMessage({
          name: 'bench',
          sequence,
          tree: hashObject256('tree', encodeTree256([...top])),
          ...(parent === undefined ? {} : { parent: parent.sha256 }),
          changes: ['as before'],
        }),
      });
      const body = signCommit(payload, await signer.sign(payload));
      commits.push({ type: 'commit', body });
      parent = { oid: put('commit', body), sha256: commit256(body) };
    }
    return {
      key,
      introduction: `gtpkg://${indexCore}#${fingerprint}`,
      update: { commits, lookup: (oid) => objects.get(oid), ids: computeIds(objects, new Map()), now },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
