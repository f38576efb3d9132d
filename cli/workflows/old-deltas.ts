/**
 * Releases of the past that came as deltas, made again from what is held: the delta, and the older release that it builds upon, which is unpacked
 * beside the root for that. A release that came as a delta upon a delta is made in as many steps.
 *
 * Nothing made here is trusted: what comes out is checked against the signature of the release that it is to be.
 */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, limits, type Basis, type VerifiedRelease } from '../../model/index.js';
import { opened } from '../../installer/basis.js';
import type { Context } from '../context.js';
import type { Way } from './deltas.js';
import type { OldRelease, OldReleases } from './old-releases.js';
import { verifyReleases } from './releases.js';

const shorter = (): GtpkgError =>
  new GtpkgError('DELTA_UNUSABLE', 'what was unpacked for a delta is shorter than it was');

export class OldDeltas {
  readonly #context: Context;
  readonly #releases: OldReleases;
  readonly #scratch: string;
  #count = 0;

  /** @param scratch - an empty directory that lasts as long as the ways are gone */
  constructor(context: Context, releases: OldReleases, scratch: string) {
    this.#context = context;
    this.#releases = releases;
    this.#scratch = scratch;
  }

  /** How it comes without a network; undefined when something for that is not held, or not good. @throws GtpkgError NO_SPACE, IO_ERROR */
  async way({ pin }: OldRelease, depth = 0): Promise<Way | undefined> {
    const depot = await this.#context.depot();
    const recipe = this.#releases.recipe(pin);
    const [whole = 0, delta = 0] = await depot.held([
      pin.core,
      ...(recipe === undefined ? [] : [recipe.core]),
    ]);
    if (whole === pin.core.byteLength) return { core: pin.core };
    if (recipe === undefined || delta !== recipe.core.byteLength || depth >= limits.MAX_DELTA_CHAIN)
      return undefined;
    const older = this.#releases.ofTree(recipe.from);
    if (older === undefined) return undefined;
    try {
      const way = await this.way(older, depth + 1);
      if (way === undefined) return undefined;
      const { pin: base, source } = older;
      const keys = await this.#releases.keys(older);
      const [release] = await verifyReleases(this.#context, [{ pin: base, source, keys, way }]);
      return release === undefined ? undefined : { core: recipe.core, basis: await this.#unpack(release) };
    } catch (error) {
      // what is not trusted, or damaged, helps nobody; the release itself may still be had from peers
      if (error instanceof GtpkgError && error.exit === 5) return undefined;
      throw error;
    }
  }

  async #unpack(release: VerifiedRelease): Promise<Basis> {
    const files = new Map<string, string>();
    await release.extract({
      entry: () => undefined,
      file: async (entry, chunks) => {
        const path = join(this.#scratch, String(this.#count++));
        await writeFile(path, chunks as AsyncIterable<Uint8Array>);
        files.set(entry.path, path);
      },
    });
    return {
      tree: release.pin.tree,
      manifest: release.manifest,
      manifestBytes: release.manifestBytes,
      open: async (entry) => opened(await open(files.get(entry.path) ?? '', 'r'), entry, shorter),
    };
  }
}
