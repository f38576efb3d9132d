/**
 * Reads objects of a repository on this disk: loose ones and packs, with the deltas that plain `git gc` makes.
 *
 * Alternates, grafts and replace refs are not followed. Ids are checked by the caller (repository.ts); sizes are
 * trusted as far as our own disk is.
 */
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, type Oid } from '../model/index.js';
import type { ObjectType } from './hash.js';
import {
  applyDelta,
  collect,
  contents,
  corrupt,
  inflateFile,
  once,
  readEntry,
  whole,
  type Entry,
  type ObjectStream,
  type Pack,
  type Place,
} from './pack-entry.js';
import { PackIndex } from './pack-index.js';

export { collect, type ObjectStream } from './pack-entry.js';

/** git's own packs stop at 50 (4095 at the most). */
const MAX_DELTA_DEPTH = 4096;

/** The `objects` directory of a repository, for reading. */
export class ObjectStore {
  readonly #dir: string;
  readonly #packs = new Map<string, Pack>();
  #stamp = -1n;

  constructor(objectsDir: string) {
    this.#dir = objectsDir;
  }

  /** Whether the object is here. */
  async has(oid: Oid): Promise<boolean> {
    if ((await this.#find(oid)) !== undefined) return true;
    return this.#loosePath(oid) !== undefined;
  }

  /** The object as a stream; undefined when it is not here. @throws GtpkgError OBJECT_CORRUPT */
  async get(oid: Oid): Promise<ObjectStream | undefined> {
    try {
      const found = await this.#find(oid);
      if (found !== undefined) return await this.#packed(found.pack, found.offset);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      // git gc replaced the packs that we know: look once more
      this.forget();
      await this.#rescan();
      const found = await this.#find(oid);
      if (found !== undefined) return this.#packed(found.pack, found.offset);
    }
    const path = this.#loosePath(oid);
    return path === undefined ? undefined : loose(path);
  }

  #loosePath(oid: Oid): string | undefined {
    const path = join(this.#dir, oid.slice(0, 2), oid.slice(2));
    return statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : path;
  }

  async #find(oid: Oid): Promise<{ pack: Pack; offset: number } | undefined> {
    for (let fresh = false; ; fresh = true) {
      if (fresh && !(await this.#rescan())) return undefined;
      for (const pack of this.#packs.values()) {
        const offset = pack.index.find(oid);
        if (offset !== undefined) return { pack, offset };
      }
      if (fresh) return undefined;
    }
  }

  // Looks for new packs, if the directory changed since the last look. True when there may be something new.
  async #rescan(): Promise<boolean> {
    const dir = join(this.#dir, 'pack');
    const stat = statSync(dir, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeNs === this.#stamp) return false;
    const names = readdirSync(dir).filter((name) => name.endsWith('.idx'));
    const gone = new Set(this.#packs.keys());
    for (const name of names) {
      gone.delete(name);
      if (this.#packs.has(name)) continue;
      const path = join(dir, name);
      this.#packs.set(name, {
        path: `${path.slice(0, -4)}.pack`,
        index: new PackIndex(await readFile(path), path),
      });
    }
    for (const name of gone) this.#packs.delete(name);
    this.#stamp = stat.mtimeNs;
    return true;
  }

  /** Must be called after writing a pack: two writes may fall into one tick of the directory's clock. */
  forget(): void {
    this.#stamp = -1n;
  }

  // Down to what is no delta, then up again: a chain is as long as its maker likes, the stack is not.
  async #packed(pack: Pack, offset: number): Promise<ObjectStream> {
    const deltas: Entry[] = [];
    let base: ObjectStream | undefined;
    for (let at: Place | undefined = { pack, offset }; at !== undefined;) {
      const entry = readEntry(at);
      if (!entry.isDelta) {
        base = whole(entry);
        break;
      }
      if (deltas.length === MAX_DELTA_DEPTH)
        throw corrupt(`${pack.path}: a chain of more than ${MAX_DELTA_DEPTH} deltas`);
      deltas.push(entry);
      if (entry.base === undefined) at = { pack: at.pack, offset: at.offset - entry.back };
      else {
        const here = at.pack.index.find(entry.base);
        at = here === undefined ? await this.#find(entry.base) : { pack: at.pack, offset: here };
        const path = at === undefined ? this.#loosePath(entry.base) : undefined;
        if (path !== undefined) base = await loose(path);
      }
    }
    if (base === undefined)
      throw corrupt(`${pack.path}: the base ${deltas.at(-1)?.base ?? ''} of a delta is missing`);
    if (deltas.length === 0) return base;
    let body = await collect(base.content(), base.size);
    for (const delta of deltas.reverse()) body = applyDelta(body, contents(delta));
    return { type: base.type, size: body.length, content: () => once(body) };
  }
}

async function loose(path: string): Promise<ObjectStream> {
  const chunks = inflateFile(path, 0);
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    head = Buffer.concat([head, chunk]);
    if (head.includes(0) || head.length > 64) break;
  }
  const nul = head.indexOf(0);
  const match = /^(commit|tree|blob|tag) (0|[1-9]\d{0,15})$/.exec(
    nul < 0 ? '' : head.toString('latin1', 0, nul),
  );
  if (match === null) throw corrupt(`${path} is not a git object`);
  return {
    type: match[1] as ObjectType,
    size: Number(match[2]),
    content: async function* () {
      let skip = nul + 1;
      for await (const chunk of inflateFile(path, 0)) {
        if (skip < chunk.length) yield chunk.subarray(skip);
        skip = Math.max(0, skip - chunk.length);
      }
    },
  };
}
