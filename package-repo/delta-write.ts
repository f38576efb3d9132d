/**
 * Writes a delta (docs/formats/delta.md): what makes a newer release of a package from the files of an older one.
 *
 * Both are read from the package repository. A file that stands unchanged somewhere in the older release is copied; one that has a
 * predecessor (same path; else the same path or name but for digits) is told as moves; .gz files are told as what is inside.
 * Conffiles are never built upon: the user may have changed them. Memory is bounded by MAX_DELTA_FILE, whatever the size.
 */
import type { FileHandle } from 'node:fs/promises';
import { collect, hashBlob, writeAtomically, type Repository } from '../git/index.js';
import {
  GtpkgError,
  limits,
  type Manifest,
  type ManifestEntry,
  type Oid,
  type ReleaseId,
  type Sha256,
} from '../model/index.js';
import { openReleases } from './compose.js';
import { BaseFinder, conffilePaths, type Base } from './delta-bases.js';
import {
  encodeDeltaHeader,
  MAKE,
  OTHER_BASE,
  zigzag,
  type DeltaExtent,
  type DeltaSection,
} from './delta-format.js';
import { gunzip, gunzipExactly } from './delta-gzip.js';
import { findMoves } from './delta-match.js';
import { FreshWriter, pieces, readSpool, shift } from './delta-output.js';
import { StreamWriter } from './delta-streams.js';
import { gitSection, readSigned, type SignedRelease } from './image.js';
import { rootId256 } from './release.js';
import { Spool } from './spool.js';
import { treeId256 } from './tree-id.js';

/** Brotli's best takes a second for half a megabyte; past this much that is new, a lesser one does. */
const BEST_UP_TO = 48 * 1024 * 1024;
/** How much of a large new file is matched at once. */
const SEGMENT = limits.MAX_DELTA_FILE / 2;

export interface DeltaOptions {
  readonly repoDir: string;
  readonly from: ReleaseId;
  readonly to: ReleaseId;
  readonly outFile: string;
  /** told how many bytes of the newer release's files are done */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A delta that was written. */
export interface WrittenDelta {
  readonly byteLength: number;
  /** Tree-SHA256 of the older release */
  readonly from: Sha256;
}

/**
 * @returns undefined when the two differ so much that no reader would take the delta; then nothing is written
 * @throws GtpkgError RELEASE_NOT_FOUND, SIGNATURE_MISSING, OBJECT_CORRUPT, NO_SPACE, …
 */
export async function writeDelta(options: DeltaOptions): Promise<WrittenDelta | undefined> {
  const repository = await openReleases(options.repoDir);
  const [before, after] = await Promise.all([
    readSigned(repository, options.from),
    readSigned(repository, options.to),
  ]);
  const spool = await Spool.open();
  try {
    return await writeAtomically(options.outFile, async (file) => {
      const writer = new DeltaWriter(repository, { before, after, file, spool });
      const { byteLength } = await writer.run(options.onProgress ?? (() => undefined));
      return { byteLength, from: before.tree };
    });
  } catch (error) {
    if (error instanceof GtpkgError && error.code === 'LIMIT_EXCEEDED') return undefined;
    throw error;
  } finally {
    await spool.close();
  }
}

interface Work {
  readonly before: SignedRelease;
  readonly after: SignedRelease;
  readonly file: FileHandle;
  readonly spool: Spool;
}

class DeltaWriter {
  readonly #repository: Repository;
  readonly #work: Work;
  readonly #plan = new StreamWriter();
  readonly #moves = new StreamWriter();
  readonly #gaps = new StreamWriter();
  readonly #values = new StreamWriter();
  readonly #fresh: FreshWriter;
  readonly #old: readonly ManifestEntry[];
  #right = 0;
  /** where the last move ended in its old file */
  #place = 0;
  #lastBase = 0;

  constructor(repository: Repository, work: Work) {
    this.#repository = repository;
    this.#work = work;
    this.#old = filesOf(work.before.release.manifest);
    const changed = filesOf(work.after.release.manifest).reduce((sum, entry) => sum + entry.size, 0);
    this.#fresh = new FreshWriter(work.file, changed > BEST_UP_TO ? 9 : 11);
  }

  async run(report: (done: number, total: number) => void): Promise<{ byteLength: number }> {
    const { before, after, file } = this.#work;
    const git = await this.#git();
    const claimed = after.release.dataTree === undefined ? Buffer.alloc(0) : await this.#claim();
    const { manifest } = after.release;
    this.#moves.number(after.release.files.manifest.length);
    await this.#write(this.#diff(before.release.files.manifest, after.release.files.manifest));
    const finder = new BaseFinder(this.#old, conffilePaths(before.release.conffiles));
    const files = filesOf(manifest);
    const total = files.reduce((sum, entry) => sum + entry.size, 0);
    let done = 0;
    for (const entry of files) {
      await this.#one(entry, finder.find(entry));
      if (this.#gaps.isTooLarge || this.#values.isTooLarge || this.#moves.isTooLarge)
        throw new GtpkgError('LIMIT_EXCEEDED', 'The delta grows too large');
      report((done += entry.size), total);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const fresh = await this.#fresh.end();
    const small = {
      git: await compressed([git]),
      tree256: { bytes: claimed, rawLength: claimed.length },
      plan: { bytes: await this.#plan.compressed(), rawLength: this.#plan.length },
      moves: { bytes: await this.#moves.compressed(), rawLength: this.#moves.length },
      gaps: { bytes: await this.#gaps.compressed(), rawLength: this.#gaps.length },
      values: { bytes: await this.#values.compressed(), rawLength: this.#values.length },
    };
    const parts = Object.values(small).map(({ bytes }) => bytes);
    const sections = Object.fromEntries(
      Object.entries(small).map(([name, { bytes, rawLength }]) => [
        name,
        { length: bytes.length, rawLength },
      ]),
    ) as Record<DeltaSection, Pick<DeltaExtent, 'length' | 'rawLength'>>;
    const header = encodeDeltaHeader(before.tree, { ...sections, fresh });
    const lead = Buffer.concat([header, ...parts]);
    await shift(file, { length: fresh.length, by: lead.length });
    await file.write(lead, 0, lead.length, 0);
    return { byteLength: lead.length + fresh.length };
  }

  // The objects of the release but for the manifest, which the delta makes anew.
  async #git(): Promise<Buffer> {
    const { after } = this.#work;
    const manifest = hashBlob(after.release.files.manifest).oid;
    const parts: Buffer[] = [];
    const objects = after.objects.filter((oid) => oid !== manifest);
    for await (const chunk of gitSection(this.#repository, objects)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  async #claim(): Promise<Buffer> {
    const { after } = this.#work;
    const tree = await treeId256(this.#repository, after.release.dataTree as Oid);
    if (rootId256(after.release, tree) !== after.tree)
      throw new GtpkgError(
        'RELEASE_MALFORMED',
        'The signed tag names another tree than the one it stands on',
      );
    return Buffer.from(tree, 'hex');
  }

  async #one(entry: ManifestEntry, base: Base | undefined): Promise<void> {
    if (base?.same === true) return this.#make(MAKE.copy, base);
    if (entry.size <= limits.MAX_DELTA_FILE) {
      const bytes = await this.#read(this.#work.after, entry);
      const raw = gunzipExactly(bytes);
      const old = await this.#small(base);
      if (raw !== undefined) {
        this.#moves.number(raw.length);
        const inside = old === undefined ? undefined : gunzip(old);
        if (inside === undefined) {
          this.#make(MAKE.freshGzip);
          return this.#fresh.add(raw);
        }
        this.#make(MAKE.diffGzip, base);
        return this.#write(this.#diff(inside, raw));
      }
      if (base !== undefined && old !== undefined) {
        this.#make(MAKE.diff, base);
        return this.#write(this.#diff(old, bytes));
      }
    }
    if (base === undefined) {
      this.#make(MAKE.fresh);
      for await (const chunk of (await this.#blob(this.#work.after, entry)).content())
        await this.#fresh.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return;
    }
    this.#make(MAKE.diff, base);
    await this.#large(entry, base.entry);
  }

  // Large files: piece by piece, each against the part of the old file where it most likely stands.
  async #large(entry: ManifestEntry, old: ManifestEntry): Promise<void> {
    const { before, after, spool } = this.#work;
    const kept = await spool.add((await this.#blob(before, old)).content(), old.size);
    this.#place = 0;
    for await (const piece of pieces((await this.#blob(after, entry)).content(), SEGMENT)) {
      const start = Math.max(0, Math.min(this.#place - SEGMENT / 2, old.size - 2 * SEGMENT));
      const window = await readSpool(spool, { kept, start, length: Math.min(2 * SEGMENT, old.size - start) });
      await this.#write(this.#moved(window, piece, start));
    }
  }

  #diff(old: Uint8Array, fresh: Uint8Array): Buffer[] {
    this.#place = 0;
    return this.#moved(old, fresh, 0);
  }

  // Tells `fresh` as moves in `old`, which begins at `start` of its file; gives what is new in it.
  #moved(old: Uint8Array, fresh: Uint8Array, start: number): Buffer[] {
    const out: Buffer[] = [];
    let at = 0;
    for (const move of findMoves(old, fresh)) {
      this.#moves.number(move.copy);
      this.#moves.number(move.fresh);
      if (move.copy > 0) {
        const from = start + move.from;
        this.#moves.number(zigzag(from - this.#place));
        this.#place = from + move.copy;
        this.#compare(old.subarray(move.from, move.from + move.copy), fresh.subarray(at, at + move.copy));
      }
      at += move.copy;
      if (move.fresh > 0) out.push(Buffer.from(fresh.subarray(at, at + move.fresh)));
      at += move.fresh;
    }
    return out;
  }

  #compare(old: Uint8Array, fresh: Uint8Array): void {
    for (let at = 0; at < fresh.length; at++) {
      const off = ((fresh[at] as number) - (old[at] as number)) & 255;
      if (off === 0) {
        this.#right++;
        continue;
      }
      this.#gaps.number(this.#right);
      this.#values.byte(off);
      this.#right = 0;
    }
  }

  #make(how: number, base?: Base): void {
    if (base === undefined || base.samePath) return this.#plan.number(how);
    this.#plan.number(how + OTHER_BASE);
    this.#plan.number(zigzag(base.index - this.#lastBase));
    this.#lastBase = base.index;
  }

  async #write(parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) await this.#fresh.add(part);
  }

  async #small(base: Base | undefined): Promise<Buffer | undefined> {
    if (base === undefined || base.entry.size > limits.MAX_DELTA_FILE) return undefined;
    return this.#read(this.#work.before, base.entry);
  }

  async #blob(
    of: SignedRelease,
    entry: ManifestEntry,
  ): Promise<{ size: number; content: () => AsyncIterable<Uint8Array> }> {
    const oid = of.blobs.get(entry.path)?.oid;
    if (oid === undefined) throw new GtpkgError('RELEASE_MALFORMED', `There is no blob for ${entry.path}`);
    const { size, content } = await this.#repository.stream(oid);
    return { size, content: () => content() as AsyncIterable<Uint8Array> };
  }

  async #read(of: SignedRelease, entry: ManifestEntry): Promise<Buffer> {
    const { content } = await this.#blob(of, entry);
    return collect(content(), entry.size);
  }
}

async function compressed(parts: readonly Buffer[]): Promise<{ bytes: Buffer; rawLength: number }> {
  const writer = new StreamWriter();
  for (const part of parts) writer.add(part);
  return { bytes: await writer.compressed(), rawLength: writer.length };
}

function filesOf(manifest: Manifest): ManifestEntry[] {
  return manifest.filter((entry) => entry.type === 'f');
}
