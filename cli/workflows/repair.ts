/**
 * verify --repair: compare, fetch what is needed to put right what differs, carry that out as one transaction, compare again.
 *
 * Contents come from the release that is installed, as its pin in the status says, through the same chain as an install: its tag's signer is asked of the source. A payload is one stream:
 * of a release that is not held, what stands before the last file that is needed is fetched, no more.
 */
import {
  GtpkgError,
  limits,
  pathToText,
  type ByteSource,
  type CoreRef,
  type ManifestEntry,
  type PayloadSink,
  type ReleasePin,
} from '../../model/index.js';
import { digestOf } from '../../system/digest.js';
import { FileSink, type FileTargets } from '../../installer/lay-out.js';
import { planRepair, type LeftPath } from '../../installer/repair-plan.js';
import type { RepairedPath } from '../../installer/repair.js';
import type { OpenRoot } from '../../installer/root.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import { getSource } from '../places.js';
import { OfferedUniverse, openSources } from './offers.js';
import { meetPeers, withNames } from './releases.js';
import { toVerification, type Verification } from './root.js';
import { keyOfSource } from './trusted-source.js';

/** What repair found, did, and could not do. `ok` and `differences` are of the end. */
export interface Repair extends Verification {
  readonly dryRun: boolean;
  /** transaction in the history; null when nothing was changed */
  readonly transaction: number | null;
  readonly repaired: readonly {
    readonly package: string;
    readonly path: string;
    readonly kinds: readonly string[];
  }[];
  readonly left: readonly { readonly package: string; readonly path: string; readonly why: string }[];
  /** bytes of releases that came from peers; with `dryRun` at most so many would */
  readonly fetched: number;
}

/** How to repair. */
export interface RepairOptions {
  readonly dryRun: boolean;
  readonly conffiles: 'keep' | 'replace';
}

/** @throws GtpkgError NOT_INSTALLED, SOURCE_NOT_FOUND, SIGNER_…, NO_PEER, BLOCKS_MISSING, OFFLINE, and what transactions throw */
export async function repairInstalled(
  context: Context,
  names: readonly string[] | undefined,
  { dryRun, conffiles }: RepairOptions,
): Promise<Repair> {
  const { settings, report, command, now } = context;
  const { openRoot } = await import('../../installer/root.js');
  const { verifyAll } = await import('../../installer/verify.js');
  const root = await openRoot(settings.root, { lock: dryRun ? 'shared' : 'exclusive', report });
  try {
    const before = await verifyAll(settings.root, names, report);
    const { differences } = before;
    const installed = root.status();
    const count =
      names?.length ?? [...installed.values()].filter(({ state }) => state === 'installed').length;
    if (dryRun) {
      const plan = planRepair(root, { differences, conffiles });
      const refs = [...plan.contents.keys()].flatMap((name) => installed.get(name)?.pin.core ?? []);
      const held = refs.length === 0 ? [] : await (await context.depot()).held(refs);
      const fetched = refs.reduce((sum, { byteLength }, i) => sum + byteLength - (held[i] ?? 0), 0);
      const found = toVerification(settings.root, count, before);
      const repaired = plan.items.map(({ pkg, entry, kinds }) => ({
        package: pkg.name,
        path: entry.path,
        kinds,
      }));
      return { ...found, dryRun, transaction: null, fetched, ...shown(repaired, plan.left) };
    }
    const contents = new Contents(context);
    const { repairRoot } = await import('../../installer/repair.js');
    const { id, repaired, left } = await repairRoot(root, {
      differences,
      conffiles,
      command,
      now,
      report,
      contents: (pkg, targets) => contents.write(root, pkg, targets),
    });
    const after = id === undefined ? before : await verifyAll(settings.root, names, report);
    return {
      ...toVerification(settings.root, count, after),
      dryRun,
      transaction: id ?? null,
      fetched: contents.fetched,
      ...shown(repaired, left),
    };
  } finally {
    root.close();
  }
}

function shown(
  repaired: readonly RepairedPath[],
  left: readonly LeftPath[],
): Pick<Repair, 'repaired' | 'left'> {
  return {
    repaired: repaired.map((each) => ({ ...each, path: pathToText(each.path) })),
    left: left.map((each) => ({ ...each, path: pathToText(each.path) })),
  };
}

/** Blocks that are fetched beyond the one that is needed: an eighth of what stands before it. */
const AHEAD = 3;

/** Thrown by a sink that has all it needs: the rest of a payload is neither fetched nor read. */
class Enough extends Error {}

/** Files of installed releases, from the store and from peers. */
class Contents {
  readonly #context: Context;
  #offered: Promise<OfferedUniverse> | undefined;
  /** bytes that came from peers */
  fetched = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  async write(root: OpenRoot, pkg: InstalledPackage, targets: FileTargets): Promise<void> {
    const { report, now } = this.#context;
    const { verifyRelease } = await import('../../package-repo/index.js');
    const from = await getSource(this.#context, pkg.source);
    const key = await keyOfSource(from, pkg.pin.signer);
    const depot = await this.#context.depot();
    const { core } = pkg.pin;
    const [held = 0] = await depot.held([core]);
    if (held < core.byteLength) await meetPeers(this.#context, [from]);
    report({
      kind: 'start',
      id: 'fetch',
      label: `Repairing ${pkg.name}`,
      total: targets.size,
      unit: 'items',
    });
    const sink = new Some(new FileSink(root.disk, targets, () => undefined), new Set(targets.keys()));
    try {
      const release = await verifyRelease({
        source: fetching(depot, core),
        pin: await this.#pin(pkg),
        keys: [key],
        now,
      });
      // the kept manifest decides what is written where
      if (digestOf('sha256', release.manifestBytes) !== pkg.manifest)
        throw new GtpkgError(
          'RELEASE_MISMATCH',
          `the release of ${pkg.name} has another manifest than the installed one`,
        );
      await release.extract(sink);
      sink.complete();
    } catch (error) {
      if (!(error instanceof Enough)) throw withNames(error, [{ pin: pkg.pin, source: pkg.source }]);
    } finally {
      report({ kind: 'end', id: 'fetch' });
      const [after = 0] = await depot.held([core]);
      this.fetched += after - held;
    }
  }

  // As the index lists it now, where it does: it knows since when the signer's key has vouched for it.
  async #pin(pkg: InstalledPackage): Promise<ReleasePin> {
    this.#offered ??= openSources(this.#context).then((sources) => new OfferedUniverse(sources));
    const offers = (await this.#offered).versions(pkg.name);
    const same = offers.find(({ source, offer: { pin } }) => source === pkg.source && isSame(pin, pkg.pin));
    return same?.offer.pin ?? pkg.pin;
  }
}

function isSame(one: ReleasePin, other: ReleasePin): boolean {
  const { core, tag, tree, signer } = other;
  return (
    one.core.key === core.key &&
    one.core.byteLength === core.byteLength &&
    one.tag === tag &&
    one.tree === tree &&
    one.signer === signer
  );
}

/** A core's bytes; blocks that are not here are fetched a few ahead of whoever reads. */
function fetching(depot: Depot, ref: CoreRef): ByteSource {
  const local = depot.source(ref);
  const blocks = Math.ceil(ref.byteLength / limits.RELEASE_CHUNK);
  let here = 0;
  const need = async (block: number): Promise<void> => {
    if (block < here) return;
    // few round trips, and little that nobody needs
    here = Math.min(blocks, block + 1 + (block >> AHEAD));
    await depot.fetch([ref], { first: here });
  };
  return {
    byteLength: ref.byteLength,
    async *read(offset, length) {
      for (let at = offset; at < offset + length;) {
        const block = Math.floor(at / limits.RELEASE_CHUNK);
        await need(block);
        const end = Math.min(offset + length, (block + 1) * limits.RELEASE_CHUNK);
        yield* local.read(at, end - at);
        at = end;
      }
    },
  };
}

/** Takes some files of a payload. */
class Some implements PayloadSink {
  readonly isTransient = true;
  readonly #sink: FileSink;
  readonly #wanted: Set<string>;

  constructor(sink: FileSink, wanted: Set<string>) {
    this.#sink = sink;
    this.#wanted = wanted;
  }

  entry(): void {
    // made from the manifest
  }

  async file(entry: ManifestEntry, chunks: Parameters<PayloadSink['file']>[1]): Promise<void> {
    if (!this.#wanted.delete(entry.path)) return;
    await this.#sink.file(entry, chunks);
    if (this.#wanted.size === 0) throw new Enough();
  }

  /** @throws GtpkgError PAYLOAD_CORRUPT when one did not come */
  complete(): void {
    this.#sink.complete();
  }
}
