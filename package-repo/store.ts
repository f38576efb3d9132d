/**
 * A release that came from peers, put into a git repository whole: its tag, commit, trees, and every blob, the payload's too.
 *
 * The release is verified first, exactly as for an installation, and the payload's files while they stream; only then is anything
 * written.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  BlobHasher,
  parseCommit,
  parseTag,
  readPack,
  type GitObject,
  type Repository,
  type WriteItem,
} from '../git/index.js';
import { GtpkgError, pathToBytes, type Oid } from '../model/index.js';
import { branchRef, tagRef } from './format.js';
import { readHeader } from './image-format.js';
import { buildDataTree, type BlobIds } from './trees.js';
import { gitBytes, packLimits, verifyRelease, type VerifyReleaseOptions } from './verify.js';

/** Where to, and a directory beside it for what is being checked. */
export interface StoreOptions extends VerifyReleaseOptions {
  readonly repository: Repository;
  readonly scratch: string;
}

/** What was stored. */
export interface StoredRelease {
  readonly commit: Oid;
  /** a parent of the commit is not in the repository: git wants to be told so (setShallow) */
  readonly shallow: boolean;
}

/**
 * Stores one release and moves its architecture's branch to it; call it in version order.
 * @throws GtpkgError as verifyRelease and extract(); NO_SPACE, …
 */
export async function storeRelease(options: StoreOptions): Promise<StoredRelease> {
  const { repository, source, pin } = options;
  const head = await verifyRelease(options);
  const { git } = await readHeader(source);
  const objects: GitObject[] = [];
  for await (const { type, body } of readPack(gitBytes(source, git), packLimits(git)))
    objects.push({ type, body });
  const [tag] = objects;
  if (tag === undefined) throw new GtpkgError('RELEASE_MALFORMED', 'The release has no tag');
  const spool = await mkdtemp(join(options.scratch, 'release-'));
  try {
    const files: WriteItem[] = [];
    const ids = new Map<string, BlobIds>();
    await head.extract({
      // a symbolic link is a blob too: its target
      entry: ({ type, link }) => {
        if (type !== 'l') return;
        const target = pathToBytes(link ?? '');
        files.push({ type: 'blob', size: target.length, content: () => target });
      },
      file: async ({ path, size }, chunks) => {
        const copy = join(spool, String(files.length));
        files.push({ type: 'blob', size, content: () => createReadStream(copy) });
        const hasher = new BlobHasher(size);
        const hashed = async function* (): AsyncGenerator<Uint8Array> {
          for await (const chunk of chunks) {
            hasher.update(chunk);
            yield chunk;
          }
        };
        await pipeline(Readable.from(hashed()), createWriteStream(copy));
        ids.set(path, hasher.digest());
      },
    });
    const data = buildDataTree(head.manifest, ({ path }) => ids.get(path) as BlobIds);
    objects.push(...(data?.trees ?? []));
    await repository.writeObjects([
      ...objects.map(({ type, body }) => ({ type, size: body.length, content: () => body })),
      ...files,
    ]);
  } finally {
    await rm(spool, { recursive: true, force: true });
  }
  const commit = parseTag(tag.body).object;
  const { parents } = parseCommit(await repository.readType(commit, 'commit'));
  const known = await Promise.all(parents.map((parent) => repository.has(parent)));
  await repository.writeRef(tagRef(pin), pin.tag);
  await repository.writeRef(branchRef(pin.architecture), commit);
  return { commit, shallow: known.includes(false) };
}
