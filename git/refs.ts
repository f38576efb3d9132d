/**
 * Refs of a repository on this disk, as plain git keeps them (loose files and packed-refs), written atomically
 * under git's own `.lock` files.
 */
import { mkdir, open, readdir, readFile, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GtpkgError, systemCode, type Oid } from '../model/index.js';
import { ioError } from './io.js';

/** git-check-ref-format(1), for full names below `refs/`, and HEAD. @throws GtpkgError BAD_NAME */
export function checkRefName(name: string): string {
  const parts = name.split('/');
  // eslint-disable-next-line no-control-regex
  const bad =
    /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{/.test(name) ||
    parts.some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock')) ||
    name.endsWith('.');
  if (name !== 'HEAD' && (bad || parts.length < 2 || parts[0] !== 'refs'))
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 120)}" is not a ref name`);
  return name;
}

/** The refs of one git directory. */
export class Refs {
  readonly #dir: string;

  constructor(gitDir: string) {
    this.#dir = gitDir;
  }

  /** The object a ref points at, through symbolic refs; undefined when there is none. @throws GtpkgError OBJECT_CORRUPT */
  async resolve(name: string): Promise<Oid | undefined> {
    let current = checkRefName(name);
    for (let depth = 0; depth < 5; depth++) {
      const text = await this.#read(current);
      const target = text === undefined ? undefined : /^ref: (\S+)\n?$/.exec(text)?.[1];
      if (target === undefined)
        return text === undefined ? (await this.#packed()).get(current) : parseRef(text, current);
      current = checkRefName(target);
    }
    throw new GtpkgError('OBJECT_CORRUPT', `${name} is a symbolic ref that leads nowhere`);
  }

  /** All refs whose full name starts with `prefix`, by name. */
  async list(prefix: string): Promise<Map<string, Oid>> {
    const found = new Map([...(await this.#packed())].filter(([name]) => name.startsWith(prefix)));
    const walk = async (path: string): Promise<void> => {
      const entries = await readdir(join(this.#dir, path), { withFileTypes: true }).catch(
        (error: unknown) => {
          if (systemCode(error) === 'ENOENT') return [];
          throw ioError(error, 'Cannot list refs');
        },
      );
      for (const entry of entries) {
        const name = `${path}/${entry.name}`;
        if (entry.isDirectory()) {
          if (prefix.startsWith(`${name}/`) || name.startsWith(prefix) || `${name}/`.startsWith(prefix))
            await walk(name);
        } else if (name.startsWith(prefix) && !name.endsWith('.lock')) {
          const oid = await this.resolve(name);
          if (oid !== undefined) found.set(name, oid);
        }
      }
    };
    await walk('refs');
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Points a ref at an object.
   * @param expect - what it must point at now (null: it must not exist); not checked when undefined
   * @throws GtpkgError HOME_BUSY when another process holds the ref or moved it, ALREADY_EXISTS when a ref is in the way
   */
  async write(name: string, oid: Oid, expect?: Oid | null): Promise<void> {
    checkRefName(name);
    await this.#locked(name, `${oid}\n`, async () => {
      if (expect !== undefined && ((await this.resolve(name)) ?? null) !== expect) throw moved(name);
    });
  }

  /** Makes `name` (HEAD) a symbolic ref. */
  async writeSymbolic(name: string, target: string): Promise<void> {
    checkRefName(name);
    await this.#locked(name, `ref: ${checkRefName(target)}\n`, () => Promise.resolve());
  }

  /** Removes a ref, loose and packed; nothing happens when it is not there. */
  async delete(name: string): Promise<void> {
    checkRefName(name);
    const packed = await this.#packedLines();
    if (packed.some((line) => line.name === name)) {
      const text = packed
        .filter((line) => line.name !== name)
        .map((line) => line.text)
        .join('');
      await this.#locked('packed-refs', `# pack-refs with: peeled fully-peeled sorted \n${text}`, () =>
        Promise.resolve(),
      );
    }
    try {
      await unlink(join(this.#dir, name));
      // git removes directories that became empty, so that a ref may take their name
      for (let dir = dirname(name); dir.split('/').length > 2; dir = dirname(dir))
        await rmdir(join(this.#dir, dir));
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? ''))
        throw ioError(error, `Cannot delete ${name}`);
    }
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#dir, name), 'latin1');
    } catch (error) {
      if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
      throw ioError(error, `Cannot read ${name}`);
    }
  }

  async #packedLines(): Promise<{ name: string; oid: Oid; text: string }[]> {
    const lines: { name: string; oid: Oid; text: string }[] = [];
    for (const text of ((await this.#read('packed-refs')) ?? '').split('\n')) {
      const match = /^([0-9a-f]{40}) (\S+)$/.exec(text);
      const last = lines.at(-1);
      if (match !== null) lines.push({ oid: match[1] as Oid, name: match[2] ?? '', text: `${text}\n` });
      else if (text.startsWith('^') && last !== undefined) last.text += `${text}\n`;
    }
    return lines;
  }

  async #packed(): Promise<Map<string, Oid>> {
    return new Map((await this.#packedLines()).map((line) => [line.name, line.oid]));
  }

  async #locked(name: string, text: string, check: () => Promise<void>): Promise<void> {
    const path = join(this.#dir, name);
    const lock = `${path}.lock`;
    try {
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(lock, 'wx', 0o644);
      try {
        await check();
        await handle.writeFile(text, 'latin1');
        await handle.sync();
        await rename(lock, path);
      } catch (error) {
        await unlink(lock).catch(() => undefined);
        throw error;
      } finally {
        await handle.close();
      }
    } catch (error) {
      const system = systemCode(error);
      if (system === 'EEXIST' && !(error instanceof GtpkgError)) {
        throw new GtpkgError('HOME_BUSY', `${name} is being written by another process`, {
          hint: `If no other process runs, remove ${lock}.`,
          cause: error,
        });
      }
      if (system === 'ENOTDIR' || system === 'EISDIR' || system === 'ENOTEMPTY') {
        throw new GtpkgError('ALREADY_EXISTS', `Another ref stands in the way of ${name}`, { cause: error });
      }
      throw ioError(error, `Cannot write ${name}`);
    }
  }
}

function parseRef(text: string, name: string): Oid {
  const match = /^([0-9a-f]{40})\n?$/.exec(text);
  if (match === null) throw new GtpkgError('OBJECT_CORRUPT', `${name} does not hold an object id`);
  return match[1] as Oid;
}

function moved(name: string): GtpkgError {
  return new GtpkgError('HOME_BUSY', `${name} was changed by another process meanwhile`, {
    hint: 'Run the command again.',
  });
}
