/**
 * The map from SHA-1 to SHA-256 ids beside an index repository: `gtpkg-sha256`, append-only, docs/formats/index.md §11.
 *
 * Eight bytes `GTPKGH1\n`, then records of 52 bytes: SHA-1 id, SHA-256 id. It is a cache of what could be computed from the
 * objects again (rebuildDigests), a torn last record is ignored. A wrong record can only make an index be refused.
 */
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, systemCode, type Oid, type Sha256 } from '../model/index.js';
import { ioError, writeAtomically } from '../git/io.js';
import type { GitObject } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { computeIds, type Ids256 } from './object-ids.js';
import { walkTree } from './walk.js';

const MAGIC = Buffer.from('GTPKGH1\n', 'latin1');
const RECORD = 52;

/** The ids of one repository, in memory as the file's own bytes with a hash table over them. */
export class DigestFile implements Ids256 {
  readonly #path: string;
  readonly #bytes: Buffer;
  readonly #table: Int32Array;
  readonly #fresh = new Map<Oid, Sha256>();

  private constructor(path: string, bytes: Buffer) {
    this.#path = path;
    const count = Math.max(0, Math.floor((bytes.length - MAGIC.length) / RECORD));
    this.#bytes = bytes.subarray(0, MAGIC.length + count * RECORD);
    let size = 16;
    while (size < count * 2) size *= 2;
    this.#table = new Int32Array(size);
    for (let i = 0; i < count; i++) {
      const at = MAGIC.length + i * RECORD;
      let slot = bytes.readUInt32LE(at) & (size - 1);
      while (this.#table[slot] !== 0) slot = (slot + 1) & (size - 1);
      this.#table[slot] = at;
    }
  }

  /** The map of the repository in `dir`; empty when there is none. */
  static async load(dir: string): Promise<DigestFile> {
    const path = join(dir, 'gtpkg-sha256');
    try {
      const bytes = await readFile(path);
      if (bytes.subarray(0, MAGIC.length).equals(MAGIC)) return new DigestFile(path, bytes);
      await rm(path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw ioError(error, `Cannot read ${path}`);
    }
    return new DigestFile(path, MAGIC);
  }

  get(oid: Oid): Sha256 | undefined {
    const fresh = this.#fresh.get(oid);
    if (fresh !== undefined) return fresh;
    const key = Buffer.from(oid, 'hex');
    const mask = this.#table.length - 1;
    for (let slot = key.readUInt32LE(0) & mask; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const at = this.#table[slot] ?? 0;
      if (this.#bytes.compare(key, 0, 20, at, at + 20) === 0)
        return this.#bytes.toString('hex', at + 20, at + RECORD) as Sha256;
    }
    return undefined;
  }

  /** Adds ids to the map and, durably, to the file. Objects must be stored before their ids are. */
  async add(ids: ReadonlyMap<Oid, Sha256>): Promise<void> {
    const fresh = [...ids].filter(([oid]) => this.get(oid) === undefined);
    if (fresh.length === 0) return;
    const records = Buffer.from(fresh.map(([oid, id]) => oid + id).join(''), 'hex');
    const known = this.#bytes.length + this.#fresh.size * RECORD;
    try {
      if (known === MAGIC.length) {
        await writeAtomically(this.#path, (handle) => handle.writeFile(Buffer.concat([MAGIC, records])));
      } else {
        const handle = await open(this.#path, 'r+');
        try {
          // over a torn record, if there is one
          await handle.write(records, 0, records.length, known);
          await handle.truncate(known + records.length);
          await handle.sync();
        } finally {
          await handle.close();
        }
      }
    } catch (error) {
      throw ioError(error, `Cannot write ${this.#path}`);
    }
    for (const [oid, id] of fresh) this.#fresh.set(oid, id);
  }
}

/**
 * Ids of everything in `tree`, from the map or, for what it lacks, from the objects; the map is completed.
 * @throws GtpkgError OBJECT_CORRUPT when an object is missing or damaged
 */
export async function completeDigests(
  repository: Repository,
  digests: DigestFile,
  tree: Oid,
): Promise<Sha256> {
  const known = digests.get(tree);
  if (known !== undefined) return known;
  const objects = new Map<Oid, GitObject>();
  for await (const { oid, object } of walkTree(repository, tree, (oid) => digests.get(oid) === undefined))
    objects.set(oid, object);
  await digests.add(computeIds(objects, digests));
  const id = digests.get(tree);
  if (id === undefined)
    throw new GtpkgError('INDEX_CORRUPT', `The tree ${tree} of the index is not whole`, { data: { tree } });
  return id;
}
