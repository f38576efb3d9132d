/**
 * From index entries to verified releases: fetch what is missing, then walk the chain for each.
 */
import {
  EXIT,
  GtpkgError,
  type Control,
  type CoreRef,
  type ReleasePin,
  type VerifiedRelease,
} from '../../model/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { coresOf, getSource, type Source } from '../places.js';
import type { Way } from './deltas.js';
import { Arrivals } from './arrivals.js';
import { headOnce } from './head-once.js';
import { freshSource, keyOfSource } from './trusted-source.js';

/** Releases verified at once: those that wait for bytes hold up nobody, and memory stays bounded. */
const AT_ONCE = 16;

/** A release to be fetched, and the source whose keys vouch for it. */
export interface WantedRelease {
  readonly pin: ReleasePin;
  readonly source: string;
  /** as a delta, when that is what is to be fetched; else as itself */
  readonly way?: Way;
}

/** A release to be verified. */
export interface ClaimedRelease extends WantedRelease {
  /** what the index says of it: what was decided upon; absent where no index was asked */
  readonly control?: Control;
  /** copies of its signer's key, where they are not to be looked for in the trusted state of its source */
  readonly keys?: readonly PublicKey[];
}

/** What is fetched for a release. */
export function coreOf({ pin, way }: WantedRelease): CoreRef {
  return way?.core ?? pin.core;
}

/** Joins the swarms of these sources and dials the peers that their introductions name. */
export async function meetPeers(context: Context, sources: readonly Source[]): Promise<void> {
  if (context.settings.offline || sources.length === 0) return;
  const depot = await context.depot();
  await depot.addPeers(sources.flatMap((source) => source.introduction.peers));
  await depot.join(sources.flatMap(coresOf));
}

/** Bytes that are not here yet. */
export async function missingBytes(context: Context, refs: readonly CoreRef[]): Promise<number> {
  if (refs.length === 0) return 0;
  const depot = await context.depot();
  const held = await depot.held(refs);
  return refs.reduce((sum, ref, i) => sum + ref.byteLength - Math.min(ref.byteLength, held[i] ?? 0), 0);
}

/**
 * Finds peers for these cores. They are fetched when what is returned is asked for them.
 * @param lacking - bytes that are not here, where somebody has looked already
 */
export async function startFetch(
  context: Context,
  wanted: readonly WantedRelease[],
  lacking?: number,
): Promise<Arrivals> {
  const refs = wanted.map(coreOf);
  const { report } = context;
  const depot = await context.depot();
  if ((lacking ?? (await missingBytes(context, refs))) === 0)
    return new Arrivals({ depot, refs: [], report });
  const names = [...new Set(wanted.map((each) => each.source))].filter((name) => name !== '');
  await meetPeers(context, await Promise.all(names.map((name) => getSource(context, name))));
  return new Arrivals({ depot, refs, report });
}

/** Brings all of these cores into the store. @throws GtpkgError NO_PEER, BLOCKS_MISSING, OFFLINE, PEER_CORRUPT */
export async function fetchCores(context: Context, wanted: readonly WantedRelease[]): Promise<void> {
  const arrivals = await startFetch(context, wanted);
  try {
    await Promise.all(wanted.map((each) => arrivals.whole(coreOf(each))));
  } catch (error) {
    throw withNames(error, wanted);
  } finally {
    await arrivals.stop();
  }
}

/** The depot knows cores; people know packages. */
export function withNames(error: unknown, wanted: readonly WantedRelease[]): unknown {
  if (!(error instanceof GtpkgError)) return error;
  const text = JSON.stringify(error.data);
  const named = wanted
    .filter((each) => text.includes(coreOf(each).key))
    .map((each) => `${each.pin.name} ${each.pin.version}`);
  if (named.length === 0) return error;
  return new GtpkgError(
    error.code,
    `${error.message} (${named.slice(0, 5).join(', ')}${named.length > 5 ? ` and ${named.length - 5} more` : ''})`,
    {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      data: { ...error.data, packages: named },
      cause: error,
    },
  );
}

/**
 * Checks each release against its pin, with its signer's key from the trusted state of its source.
 * @param arrivals - gives the bytes; each release is checked as soon as its head is there
 * @throws GtpkgError INDEX_EXPIRED, SIGNER_UNKNOWN, SIGNATURE_BAD, RELEASE_MISMATCH, …; what the fetch ended with
 */
export async function verifyReleases(
  context: Context,
  wanted: readonly ClaimedRelease[],
  arrivals?: Arrivals,
): Promise<VerifiedRelease[]> {
  const { verifyDelta, verifyRelease } = await import('../../package-repo/index.js');
  const { report } = context;
  const bytes = arrivals ?? new Arrivals({ depot: await context.depot(), refs: [], report });
  const keys = new Map<string, Promise<PublicKey>>();
  const keyOf = ({ pin, source }: WantedRelease): Promise<PublicKey> => {
    const id = `${source} ${pin.signer}`;
    const key = keys.get(id) ?? getSource(context, source).then((from) => keyOfSource(from, pin.signer));
    keys.set(id, key);
    return key;
  };
  const verify = async (each: ClaimedRelease): Promise<VerifiedRelease> => {
    const signers = each.keys ?? [await keyOf(each)];
    const basis = each.way?.basis;
    // a delta is read to its end; what the fetch ends with is not what is wrong with the release
    await (basis === undefined ? bytes.head(coreOf(each)) : bytes.whole(coreOf(each)));
    const source = headOnce(bytes.source(coreOf(each)));
    const chain = { source, pin: each.pin, keys: signers, now: context.now };
    try {
      const release = await (basis === undefined ? verifyRelease(chain) : verifyDelta({ ...chain, basis }));
      requireSame(each, release);
      return release;
    } catch (error) {
      throw refused(error, each);
    } finally {
      source.forget();
    }
  };
  const out: VerifiedRelease[] = [];
  const queue = wanted.entries();
  const work = async (): Promise<void> => {
    for (const [index, each] of queue) out[index] = await verify(each);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return out;
}

// index.md §4: an entry is the release's own paragraph. Another one would bring in, or leave out, what its maker never said.
function requireSame({ control }: ClaimedRelease, release: VerifiedRelease): void {
  if (control === undefined) return;
  const [claimed, said] = [control.fields, release.control.fields];
  if (claimed.toString() === said.toString()) return;
  const names = new Set([...claimed.entries(), ...said.entries()].map(([name]) => name));
  const differing = [...names].filter((name) => claimed.get(name) !== said.get(name));
  throw new GtpkgError(
    'RELEASE_MISMATCH',
    `the index says something else of it than its maker${differing.length === 0 ? '' : ` (${differing.join(', ')})`}`,
    { data: { fields: differing } },
  );
}

// What verification says of a tag or a tree, said of a package; and what to do about it.
function refused(error: unknown, { pin, source, way }: WantedRelease): unknown {
  if (!(error instanceof GtpkgError) || error.exit !== EXIT.untrusted) return error;
  // a delta proves nothing about the release: the release itself may be good
  if (way?.basis !== undefined)
    return new GtpkgError('DELTA_UNUSABLE', error.message, { data: { package: pin.name }, cause: error });
  const { code, message } = error;
  const title = `${pin.name} ${pin.version}`;
  return new GtpkgError(code, message.includes(title) ? message : `${title}: ${message}`, {
    hint:
      error.hint ??
      `Nothing was changed. ${code === 'SIGNATURE_FUTURE' ? 'Check the clock of this machine. ' : ''} Tell the makers of ${source}; once they have put it right, gtpkg update brings it.`,
    data: { ...error.data, package: pin.name, version: pin.version, source },
    cause: error,
  });
}

/** Refuses sources whose index has expired. @throws GtpkgError INDEX_EXPIRED, INDEX_NOT_FOUND */
export async function requireFresh(context: Context, names: Iterable<string>): Promise<void> {
  for (const name of new Set(names)) await freshSource(context, await getSource(context, name));
}

/** Reads a verified release to its end, so that its payload is checked too, and keeps nothing. */
export async function drain(release: VerifiedRelease): Promise<void> {
  await release.extract({
    isTransient: true,
    entry: () => undefined,
    file: async (_entry, chunks) => {
      for await (const chunk of chunks) void chunk;
    },
  });
}
