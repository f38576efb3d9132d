/**
 * A bare git repository on this disk that plain git can read, clone and check (`fsck --full --strict`).
 *
 * Every object read is hashed again, so what read() returns is what its id says. New objects are written as one pack
 * with its index, synced and renamed into place: they are all there or none is. Nothing here runs git.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, systemCode, type Oid } from '../model/index.js';
import { hashObject, type GitObject, type ObjectType } from './hash.js';
import { ioError, withIo, writeAtomically } from './io.js';
import { encodePackIndex, type IndexedObject } from './pack-index.js';
import { writePack, type PackItem } from './pack-write.js';
import { Refs } from './refs.js';
import { collect, ObjectStore, type ObjectStream } from './store.js';

/** An object to be stored; with `oid` the caller vouches that it was computed from these contents. */
export interface WriteItem extends PackItem {
  readonly oid?: Oid;
}

/** A bare repository. */
export class Repository {
  /** the git directory */
  readonly dir: string;
  readonly #store: ObjectStore;
  readonly #refs: Refs;

  private constructor(dir: string) {
    this.dir = dir;
    this.#store = new ObjectStore(join(dir, 'objects'));
    this.#refs = new Refs(dir);
  }

  /**
   * Makes an empty bare repository in `dir`, or opens the one that is there.
   * @param options.head - the branch that HEAD names in a new one; default `refs/heads/main`
   * @throws GtpkgError PERMISSION, NO_SPACE, READ_ONLY, IO_ERROR
   */
  static async init(dir: string, options: { head?: string } = {}): Promise<Repository> {
    const repository = new Repository(dir);
    if (await isRepository(dir)) return repository;
    await withIo(`Cannot make the repository ${dir}`, async () => {
      for (const sub of ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags'])
        await mkdir(join(dir, sub), { recursive: true });
      const config = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';
      await writeAtomically(join(dir, 'config'), (handle) => handle.writeFile(config));
      // HEAD last: without it the directory is no repository, and init starts again
      await repository.#refs.writeSymbolic('HEAD', options.head ?? 'refs/heads/main');
    });
    return repository;
  }

  /** @throws GtpkgError FILE_NOT_FOUND when there is no bare repository in `dir` */
  static async open(dir: string): Promise<Repository> {
    if (!(await isRepository(dir)))
      throw new GtpkgError('FILE_NOT_FOUND', `There is no git repository in ${dir}`, { data: { dir } });
    return new Repository(dir);
  }

  /** Whether the object is here (not whether it is whole). */
  async has(oid: Oid): Promise<boolean> {
    return withIo(`Cannot look for ${oid}`, () => this.#store.has(oid));
  }

  /**
   * One object in memory, its id checked.
   * @throws GtpkgError OBJECT_CORRUPT when it is damaged or missing (data.missing)
   */
  async read(oid: Oid): Promise<GitObject> {
    return withIo(`Cannot read the object ${oid}`, async () => {
      const found = (await this.#store.get(oid)) ?? missing(oid);
      const body = await collect(found.content(), found.size);
      if (hashObject(found.type, body) !== oid) throw damaged(oid);
      return { type: found.type, body };
    });
  }

  /** read(), and the object must be of this type. @throws GtpkgError OBJECT_CORRUPT */
  async readType(oid: Oid, type: ObjectType): Promise<Buffer> {
    const object = await this.read(oid);
    if (object.type !== type)
      throw new GtpkgError('OBJECT_CORRUPT', `The object ${oid} is a ${object.type}, not a ${type}`);
    return object.body;
  }

  /**
   * One object as a stream, for blobs of any size. The id is checked after the last chunk: the iteration throws
   * OBJECT_CORRUPT when it differs.
   */
  async stream(oid: Oid): Promise<ObjectStream> {
    const found = await withIo(
      `Cannot read the object ${oid}`,
      async () => (await this.#store.get(oid)) ?? missing(oid),
    );
    return { ...found, content: () => checked(oid, found) };
  }

  /**
   * Stores objects, all in one pack; those that are here already are skipped. Contents that stream are asked for twice
   * (to hash, then to write) unless `oid` is given.
   * @returns the objects' ids, in order
   * @throws GtpkgError OBJECT_CORRUPT when contents change between the passes; NO_SPACE, …
   */
  async writeObjects(objects: Iterable<WriteItem> | AsyncIterable<WriteItem>): Promise<Oid[]> {
    const ids: Oid[] = [];
    const fresh = new Map<Oid, PackItem>();
    for await (const object of objects) {
      const oid = object.oid ?? (await itemId(object));
      ids.push(oid);
      if (!fresh.has(oid) && !(await this.has(oid))) fresh.set(oid, object);
    }
    if (fresh.size > 0) await this.#writePack([...fresh]);
    return ids;
  }

  /** writeObjects() for objects in memory, such as readPack gives. */
  async importPack(objects: Iterable<GitObject>): Promise<Oid[]> {
    return this.writeObjects(
      Array.from(objects, ({ type, body }) => ({ type, size: body.length, content: () => body })),
    );
  }

  async #writePack(items: readonly (readonly [Oid, PackItem])[]): Promise<void> {
    const index: IndexedObject[] = [];
    const dir = join(this.dir, 'objects', 'pack');
    // any 40 digits that depend on the contents and their order
    const name = createHash('sha1')
      .update(items.map(([oid]) => oid).join('\n'))
      .digest('hex');
    const path = join(dir, `pack-${name}`);
    const verified = items.map(([oid, item]) => verifying(oid, item));
    const onObject = (i: number, offset: number, crc: number): void => {
      const item = items[i];
      if (item !== undefined) index.push({ oid: item[0], offset, crc });
    };
    await withIo(`Cannot write to ${this.dir}`, () => mkdir(dir, { recursive: true }));
    const sum = await writeAtomically(
      `${path}.pack`,
      async (handle) => {
        let trailer = Buffer.alloc(0);
        for await (const batch of batched(writePack(verified, { onObject }))) {
          await handle.writeFile(batch);
          trailer = Buffer.from(batch.subarray(-20));
        }
        return trailer;
      },
      0o444,
    );
    try {
      await writeAtomically(`${path}.idx`, (handle) => handle.writeFile(encodePackIndex(index, sum)), 0o444);
    } catch (error) {
      await unlink(`${path}.pack`).catch(() => undefined);
      throw error;
    }
    this.#store.forget();
  }

  /** The object that a full ref name (or HEAD) points at; tags are not peeled. */
  async resolveRef(name: string): Promise<Oid | undefined> {
    return this.#refs.resolve(name);
  }

  /**
   * Points a full ref name at an object, atomically.
   * @param expect - what it must point at now (null: nothing); not checked when undefined
   * @throws GtpkgError HOME_BUSY, ALREADY_EXISTS, BAD_NAME
   */
  async writeRef(name: string, oid: Oid, expect?: Oid | null): Promise<void> {
    await this.#refs.write(name, oid, expect);
  }

  /** Points HEAD at a branch (full name). */
  async setHead(branch: string): Promise<void> {
    await this.#refs.writeSymbolic('HEAD', branch);
  }

  /** Removes a ref; nothing happens when it is not there. */
  async deleteRef(name: string): Promise<void> {
    await this.#refs.delete(name);
  }

  /** Refs whose full names start with `prefix` (`refs/tags/`), by name; tags are not peeled. */
  async listRefs(prefix: string): Promise<Map<string, Oid>> {
    return this.#refs.list(prefix);
  }

  /** Says which commits' parents are absent (git's `shallow` file), replacing what was said before. */
  async setShallow(oids: Iterable<Oid>): Promise<void> {
    const path = join(this.dir, 'shallow');
    const lines = [...new Set(oids)].sort();
    if (lines.length > 0)
      await writeAtomically(path, (handle) => handle.writeFile(lines.map((oid) => `${oid}\n`).join('')));
    else
      await unlink(path).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOENT') throw ioError(error, `Cannot remove ${path}`);
      });
  }
}

async function isRepository(dir: string): Promise<boolean> {
  try {
    await readdir(join(dir, 'objects'));
    return (await stat(join(dir, 'HEAD'))).isFile();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
    throw ioError(error, `Cannot open ${dir}`);
  }
}

function hasher(type: ObjectType, size: number): ReturnType<typeof createHash> {
  return createHash('sha1').update(`${type} ${size}\0`);
}

async function itemId(item: PackItem): Promise<Oid> {
  const content = item.content();
  if (content instanceof Uint8Array) return hashObject(item.type, content);
  const hash = hasher(item.type, item.size);
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex') as Oid;
}

// What is written is hashed once more: a file that changes between the passes must not become a wrong object.
function verifying(oid: Oid, item: PackItem): PackItem {
  return {
    ...item,
    content: () => {
      const content = item.content();
      if (!(content instanceof Uint8Array)) return checked(oid, { ...item, content: () => content });
      if (hashObject(item.type, content) !== oid) throw damaged(oid);
      return content;
    },
  };
}

async function* checked(oid: Oid, object: ObjectStream): AsyncGenerator<Uint8Array> {
  const hash = hasher(object.type, object.size);
  for await (const chunk of object.content()) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== oid) throw damaged(oid);
}

// Fewer, larger writes.
async function* batched(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size < 1 << 20) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function missing(oid: Oid): never {
  throw new GtpkgError('OBJECT_CORRUPT', `The object ${oid} is missing`, { data: { oid, missing: true } });
}

function damaged(oid: Oid): GtpkgError {
  return new GtpkgError('OBJECT_CORRUPT', `The object ${oid} is damaged: its contents have another id`, {
    data: { oid },
  });
}
