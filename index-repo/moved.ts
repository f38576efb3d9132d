/**
 * Moving an index to another index core: told to those who follow the old one, which nobody can write any more. docs/formats/index.md §13, notices.md §7.
 */
import type { CoreKey, CoreRef, Oid } from '../model/index.js';
import { parseCommit } from '../git/objects.js';
import { openCommit } from './index-commit.js';
import { headOf, openIndex, viewIndex } from './index-view.js';
import { encodeNotice } from './notice.js';
import { collectUpdate } from './packs.js';
import { encodeParts } from './proposal.js';

/** The log that the newest published commit names. @throws GtpkgError INDEX_NOT_FOUND */
export async function namedCore(dir: string): Promise<CoreKey> {
  const repository = await openIndex(dir);
  const view = await viewIndex((oid) => repository.read(oid), await headOf(repository));
  return view.distribution.indexCore;
}

/**
 * The commits from the last one on the old log to the one that names the new log, as a notice; undefined when the index here does not say so.
 * @param from - the old index core
 * @param putCore - keeps bytes as a static core
 */
export async function encodeMoved(
  dir: string,
  from: CoreKey,
  putCore: (bytes: Uint8Array) => Promise<CoreRef>,
): Promise<Buffer | undefined> {
  const repository = await openIndex(dir);
  let oid: Oid | undefined = await headOf(repository);
  let moved: Oid | undefined;
  while (oid !== undefined && (await repository.has(oid))) {
    const view = await viewIndex((id) => repository.read(id), oid);
    if (view.distribution.indexCore === from) break;
    moved = oid;
    [oid] = parseCommit(await repository.readType(oid, 'commit')).parents;
  }
  if (moved === undefined || oid === undefined || !(await repository.has(oid))) return undefined;
  const { message } = openCommit(await repository.read(moved));
  const parts = await encodeParts(await collectUpdate(repository, oid, moved), putCore);
  return encodeNotice({ kind: 'moved', commit: moved, parent: oid, sequence: message.sequence, ...parts });
}
