/**
 * Seeding: this process owns the store, serves what it holds, and lets other commands of the home work through it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  formatPeerAddress,
  GtpkgError,
  parseAddress,
  type Address,
  type CoreRef,
} from '../../model/index.js';
import type { Context } from '../context.js';
import { getSource, listIndexes, listSources, type Source } from '../places.js';
import { untilStopped } from '../stop.js';
import { offeredEntries } from './offers.js';
import { updateSources } from './sources.js';

/** What a finished seeder tells. */
export interface Seeding {
  readonly address: string | null;
  readonly sources: readonly string[];
  readonly indexes: readonly string[];
  readonly seconds: number;
}

/** One release that this home holds, whole or in part. */
export interface HeldRelease {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly core: string;
  readonly size: number;
  readonly held: number;
}

/** What status shows. */
export interface SwarmStatus {
  readonly publicKey: string;
  readonly seeding: boolean;
  /** bytes on the wire since the store was opened */
  readonly received: number;
  readonly sent: number;
  readonly address: string | null;
  readonly peers: readonly {
    key: string;
    address: string | null;
    connected: boolean;
    received: number;
    sent: number;
  }[];
  readonly releases: readonly HeldRelease[];
}

// Port 0 asks the system for a free one.
function parseListen(text: string): Address {
  return text.endsWith(':0') ? { ...parseAddress(`${text.slice(0, -1)}1`), port: 0 } : parseAddress(text);
}

/** Serves until stopped. @throws GtpkgError HOME_BUSY, SOURCE_NOT_FOUND, ADDRESS_IN_USE */
export async function seed(
  context: Context,
  options: { sources: readonly string[]; all: boolean; listen: string | undefined },
): Promise<Seeding> {
  const { serveDepot } = await import('../../replication/index.js');
  const started = Date.now();
  const named =
    options.sources.length === 0
      ? await listSources(context)
      : await Promise.all(options.sources.map((name) => getSource(context, name)));
  const indexes = await listIndexes(context);
  const depot = await context.depot({
    server: true,
    own: true,
    ...(options.listen === undefined ? {} : { listen: parseListen(options.listen) }),
  });
  const service = await serveDepot(depot, context.settings.home);
  try {
    await depot.join([
      ...named.map((source) => source.introduction.indexCore),
      ...indexes.map((index) => index.indexCore),
    ]);
    const { listening } = await depot.status();
    const address = listening === undefined ? null : formatPeerAddress(listening);
    const result = {
      address,
      sources: named.map((source) => source.name),
      indexes: indexes.map((index) => index.name),
    };
    if (context.settings.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else announce(context, result);
    const stopped = untilStopped();
    const ending = new AbortController();
    const upkeep = context.settings.offline
      ? Promise.resolve()
      : keepUp(context, named, { all: options.all, signal: ending.signal });
    await Promise.race([stopped, upkeep.then(() => stopped)]);
    ending.abort();
    await upkeep;
    return { ...result, seconds: Math.round((Date.now() - started) / 1000) };
  } finally {
    await service.close();
  }
}

function announce(context: Context, { address, sources, indexes }: Omit<Seeding, 'seconds'>): void {
  const names = [...sources, ...indexes.map((name) => `${name} (kept here)`)];
  context.report({
    kind: 'note',
    text:
      names.length === 0
        ? 'Seeding what this home holds; ^C stops.'
        : `Seeding ${names.join(', ')}; ^C stops.`,
  });
  if (address !== null)
    context.report({ kind: 'note', text: `Others dial this node directly with: gtpkg peer add ${address}` });
}

/** How often a seeder looks whether there is something new to hold. */
const UPKEEP = 60_000;

// Never ends by itself, and no failure ends it: a seeder that can't reach anybody goes on serving what it has.
async function keepUp(
  context: Context,
  sources: readonly Source[],
  options: { all: boolean; signal: AbortSignal },
): Promise<void> {
  let told = '';
  while (!options.signal.aborted) {
    try {
      if (options.all)
        await updateSources(
          context,
          sources.map((source) => source.name),
        );
      await holdIndexes(context, sources, options.signal);
      if (options.all) await holdReleases(context, sources, options.signal);
      told = '';
    } catch (error) {
      if (options.signal.aborted) return;
      if (!(error instanceof GtpkgError)) throw error;
      if (told !== error.code)
        context.report({
          kind: 'warning',
          text: `Not everything could be fetched yet (${error.code}): ${error.message}`,
        });
      told = error.code;
    }
    await sleep(UPKEEP, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

// What a new client needs of an index beside its log; a client that only followed along has never fetched all of it.
async function holdIndexes(context: Context, sources: readonly Source[], signal: AbortSignal): Promise<void> {
  const { liveCores } = await import('../../index-repo/index.js');
  const depot = await context.depot();
  for (const source of sources) {
    const log = await depot.openLog(source.introduction.indexCore);
    try {
      if (log.length > 1) await depot.fetch(await liveCores(log), { signal });
    } finally {
      await log.close();
    }
  }
}

async function holdReleases(
  context: Context,
  sources: readonly Source[],
  signal: AbortSignal,
): Promise<void> {
  const depot = await context.depot();
  const refs = sources.flatMap((source) => offeredEntries(source).map(({ pin }) => pin.core));
  const held = await depot.held(refs);
  const missing = refs.filter((ref, i) => (held[i] ?? 0) < ref.byteLength);
  if (missing.length === 0) return;
  context.report({ kind: 'start', id: 'fetch', label: 'Fetching', unit: 'bytes' });
  try {
    await depot.fetch(missing, {
      signal,
      onProgress: ({ done, total }) => context.report({ kind: 'advance', id: 'fetch', done, total }),
    });
  } finally {
    context.report({ kind: 'end', id: 'fetch' });
  }
  context.report({ kind: 'note', text: `All ${refs.length} releases are held.` });
}

/** Peers and holdings, from the daemon when it runs. */
export async function swarmStatus(context: Context): Promise<SwarmStatus> {
  const depot = await context.depot({ local: true });
  const status = await depot.status();
  const offers: Omit<HeldRelease, 'held'>[] = [];
  const refs: CoreRef[] = [];
  const seen = new Set<string>();
  for (const source of await listSources(context)) {
    for (const { pin } of offeredEntries(source)) {
      if (seen.has(pin.core.key)) continue;
      seen.add(pin.core.key);
      refs.push(pin.core);
      offers.push({
        name: pin.name,
        version: pin.version,
        architecture: pin.architecture,
        source: source.name,
        core: pin.core.key,
        size: pin.core.byteLength,
      });
    }
  }
  const held = await depot.held(refs);
  return {
    publicKey: status.publicKey,
    seeding: status.daemon,
    received: status.bytesIn,
    sent: status.bytesOut,
    address: status.listening === undefined ? null : formatPeerAddress(status.listening),
    peers: status.peers.map((peer) => ({
      key: peer.key,
      address: peer.address === undefined ? null : `${peer.address.host}:${peer.address.port}`,
      connected: peer.connected,
      received: peer.bytesIn,
      sent: peer.bytesOut,
    })),
    releases: offers
      .map((offer, i) => ({ ...offer, held: held[i] ?? 0 }))
      .filter((release) => release.held > 0),
  };
}
