/**
 * Debian `Packages` and `status` files as universes. A Packages file is compiled once and kept in the user's cache directory
 * (docs/formats/catalog.md); no store, no home, no network.
 *
 * What was compiled is used as long as the file is the same: device, inode, size, and both times to the nanosecond. A file that
 * changed within the last two seconds is not kept, for it could change again without showing (as git's index has it).
 */
import { closeSync, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Catalog } from '../../model/catalog.js';
import { GtpkgError, systemCode } from '../../model/errors.js';
import type { Candidate, Universe } from '../../model/universe.js';

/** ns */
const RACY = 2_000_000_000n;
/** A file name may have 255 bytes. */
const MAX_KEY = 200;

/** A universe whose names are known. */
export interface NamedUniverse extends Universe {
  /** names that have releases, sorted, each once */
  names(): Iterable<string>;
}

/** Packages of several files, as one. */
export function unite(parts: readonly Catalog[]): NamedUniverse {
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0 ? only : new Union(parts);
}

class Union implements NamedUniverse {
  readonly #parts: readonly Catalog[];
  readonly #versions = new Map<string, readonly Candidate[]>();
  readonly #providers = new Map<string, readonly Candidate[]>();

  constructor(parts: readonly Catalog[]) {
    this.#parts = parts;
  }

  versions(name: string): readonly Candidate[] {
    return this.#once(this.#versions, name, (part) => part.versions(name));
  }

  providers(name: string): readonly Candidate[] {
    return this.#once(this.#providers, name, (part) => part.providers(name));
  }

  #once(
    known: Map<string, readonly Candidate[]>,
    name: string,
    ask: (part: Catalog) => readonly Candidate[],
  ): readonly Candidate[] {
    let found = known.get(name);
    if (found === undefined) known.set(name, (found = firstOfEach(this.#parts.map(ask))));
    return found;
  }

  names(): string[] {
    return [...new Set(this.#parts.flatMap((part) => [...part.names()]))].sort();
  }
}

// Lists for several architectures all hold what is for `all`: a release is taken from the first file that has it.
// Two in one file stay: the resolver chooses.
function firstOfEach(parts: readonly (readonly Candidate[])[]): readonly Candidate[] {
  const idOf = ({ name, version, architecture }: Candidate): string => `${name} ${version} ${architecture}`;
  const found: Candidate[] = [];
  const seen = new Set<string>();
  for (const part of parts) {
    const fresh = part.filter((release) => !seen.has(idOf(release)));
    for (const release of fresh) seen.add(idOf(release));
    found.push(...fresh);
  }
  return found;
}

/** Opens a Packages file, compiled where that was done before. @throws GtpkgError FILE_NOT_FOUND, and what compiling throws */
export async function openPackages(path: string): Promise<Catalog> {
  const fd = await openGiven(path);
  try {
    const stat = fstatSync(fd, { bigint: true });
    const origin = { source: basename(path), suite: '' };
    // told before it is read: what changes while it is compiled must not be missed
    const settled = !isRacy(stat);
    const stamp = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
    const kept = await cachePath(resolve(path));
    const known = kept === undefined ? undefined : openKept(kept, origin, stamp);
    if (known !== undefined) return known;
    const bytes = await compile(fd, path, { stat, stamp });
    // nobody waits for it but the end of the process
    if (kept !== undefined && settled) void keep(kept, bytes);
    return new Catalog(bytes, origin);
  } finally {
    closeSync(fd);
  }
}

function isRacy({ mtimeNs, ctimeNs }: BigIntStats): boolean {
  const now = BigInt(Date.now()) * 1_000_000n;
  return [mtimeNs, ctimeNs].some((time) => time > now - RACY);
}

// files.js, and all that it loads, is for the day when something fails or is kept.
async function openGiven(path: string): Promise<number> {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('FILE_NOT_FOUND', `${path} does not exist`, {
        hint: 'Check the path.',
        cause: error,
      });
    const { systemFailure } = await import('../files.js');
    throw systemFailure(error, path);
  }
}

// Undefined where there is no place for a cache.
async function cachePath(path: string): Promise<string | undefined> {
  const { XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  const base =
    xdg !== undefined && xdg.startsWith('/') ? xdg : home === undefined ? undefined : join(home, '.cache');
  if (base === undefined) return undefined;
  const key = encodeURIComponent(path);
  if (key.length <= MAX_KEY) return join(base, 'gtpkg', 'packages', key);
  const { createHash } = await import('node:crypto');
  return join(base, 'gtpkg', 'packages', createHash('sha256').update(path).digest('hex'));
}

function openKept(
  path: string,
  origin: { readonly source: string; readonly suite: string },
  stamp: string,
): Catalog | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = new ArrayBuffer(size);
    if (readSync(fd, new Uint8Array(bytes), 0, size, 0) !== size) return undefined;
    const catalog = new Catalog(bytes, origin);
    return catalog.meta.stamp === stamp ? catalog : undefined;
  } catch {
    // whatever it is, it is made again
    return undefined;
  } finally {
    closeSync(fd);
  }
}

// A cache that cannot be written costs time, and nothing else.
async function keep(path: string, bytes: ArrayBuffer): Promise<void> {
  try {
    const { writeWhole } = await import('../files.js');
    await writeWhole(path, new Uint8Array(bytes));
  } catch {
    // the next run compiles again
  }
}

async function compile(
  fd: number,
  path: string,
  { stat, stamp }: { readonly stat: BigIntStats; readonly stamp: string },
): Promise<ArrayBuffer> {
  const [{ CatalogBuilder }, { stanzasOf }] = await Promise.all([
    import('../../model/catalog-build.js'),
    import('../../model/packages-text.js'),
  ]);
  const { readPackagesText } = await import('./packages-file.js');
  const builder = new CatalogBuilder();
  for (const stanza of stanzasOf(await readPackagesText(fd, path, stat), path)) builder.add(stanza);
  return builder.finish(stamp);
}

/** What a dpkg status file says of one package that is there. */
export interface StatusEntry {
  readonly candidate: Candidate;
  readonly held: boolean;
  /** it says so itself (`Auto-Installed: 1`); apt keeps that in extended_states */
  readonly auto: boolean;
}

// dpkg's states in which a package's files are there.
const THERE = new Set(['installed', 'triggers-pending', 'triggers-awaited', 'unpacked', 'half-configured']);

/** Reads a status file, or apt's extended_states. @throws GtpkgError as openPackages */
export async function readStatusFile(path: string): Promise<StatusEntry[]> {
  const { text, builder, stanzasOf, slotOf } = await openStanzas(path);
  const id = (name = '', version = '', architecture = ''): string => `${name} ${version} ${architecture}`;
  const marks = new Map<string, { readonly held: boolean; readonly auto: boolean }>();
  const slots = (['Package', 'Version', 'Architecture'] as const).map(slotOf);
  for (const stanza of stanzasOf(text, path)) {
    const [want = '', , state = ''] = (stanza.get(slotOf('Status')) ?? '').split(/\s+/);
    if (!THERE.has(state)) continue;
    builder.add(stanza);
    marks.set(id(...slots.map((slot) => stanza.get(slot))), {
      held: want === 'hold',
      auto: stanza.get(slotOf('Auto-Installed')) === '1',
    });
  }
  const bytes = builder.finish('');
  const catalog = new Catalog(bytes, { source: '', suite: '' });
  return [...catalog.names()]
    .flatMap((name) => catalog.versions(name))
    .map((candidate) => ({
      candidate,
      held: false,
      auto: false,
      ...marks.get(id(candidate.name, candidate.version, candidate.architecture)),
    }));
}

/** What apt's extended_states marks as automatic; one without an architecture is about all of that name. */
export class AutomaticMarks {
  readonly #marked = new Set<string>();

  add(name: string, architecture: string | undefined): void {
    this.#marked.add(architecture === undefined ? name : `${name} ${architecture}`);
  }

  /** apt writes the native architecture for what is for `all`. */
  has({ name, architecture }: Pick<Candidate, 'name' | 'architecture'>, native: string): boolean {
    const place = architecture === 'all' ? native : architecture;
    return this.#marked.has(name) || this.#marked.has(`${name} ${place}`) || this.#marked.has(`${name} all`);
  }
}

/** Reads apt's extended_states. @throws GtpkgError as openPackages */
export async function readExtendedStates(path: string): Promise<AutomaticMarks> {
  const { text, stanzasOf, slotOf } = await openStanzas(path);
  const marks = new AutomaticMarks();
  for (const stanza of stanzasOf(text, path))
    if (stanza.get(slotOf('Auto-Installed')) === '1')
      marks.add(stanza.get(slotOf('Package')) ?? '', stanza.get(slotOf('Architecture')));
  return marks;
}

async function openStanzas(path: string): Promise<{
  text: Buffer;
  builder: import('../../model/catalog-build.js').CatalogBuilder;
  stanzasOf: typeof import('../../model/packages-text.js').stanzasOf;
  slotOf: typeof import('../../model/packages-text.js').slotOf;
}> {
  const [{ CatalogBuilder }, { stanzasOf, slotOf }, { readPackagesText }] = await Promise.all([
    import('../../model/catalog-build.js'),
    import('../../model/packages-text.js'),
    import('./packages-file.js'),
  ]);
  const fd = await openGiven(path);
  try {
    const text = await readPackagesText(fd, path, fstatSync(fd, { bigint: true }));
    return { text, builder: new CatalogBuilder(), stanzasOf, slotOf };
  } finally {
    closeSync(fd);
  }
}
