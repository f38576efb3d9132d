/**
 * Why a download ended without all that was asked for: what is missing, who had it, and when.
 */
import { GtpkgError, limits, type CoreKey } from '../model/index.js';
import { freeBytes } from './disk.js';
import { NAMED } from './fetch-job.js';
import type { LastSeen } from './last-seen.js';
import { noPeer } from './patience.js';
import type { Swarm } from './swarm.js';

/** A core that is not here whole. */
export interface MissingCore {
  readonly core: CoreKey;
  /** first block and the one after the last, of each gap */
  readonly blocks: readonly (readonly number[])[];
  /** blocks in all gaps */
  readonly count: number;
}

/** @param corrupt - whether any peer sent bytes that did not verify */
export async function unfetched(
  context: { readonly swarm: Swarm; readonly home: string; readonly lastSeen: LastSeen },
  cores: readonly MissingCore[],
  corrupt: boolean,
): Promise<GtpkgError> {
  const { swarm, home } = context;
  const missing = cores.map((each): MissingCore & { readonly lastSeen?: string } => {
    const lastSeen = context.lastSeen.of(each.core);
    return lastSeen === undefined ? each : { ...each, lastSeen };
  });
  const lastSeen = lastTime(missing);
  const blocks = missing.reduce((sum, core) => sum + core.count, 0);
  const what = `${blocks} block${blocks === 1 ? '' : 's'} of ${missing.length} core${missing.length === 1 ? '' : 's'}`;
  const data = {
    missing: missing.slice(0, NAMED),
    blocks,
    cores: missing.length,
    peers: swarm.links.size,
    dht: swarm.dht,
    lastSeen: lastSeen ?? null,
  };
  const kept = `What was fetched is kept. ${whenSeen(lastSeen)}`;
  if (((await freeBytes(home)) ?? Infinity) < limits.FULL_DISK / 4)
    return new GtpkgError('NO_SPACE', 'the disk that holds the store is full', {
      hint: `Free some space and try again. ${kept}`,
      data,
    });
  if (corrupt)
    return new GtpkgError('PEER_CORRUPT', `peers sent corrupt blocks, and no other peer has ${what}`, {
      hint: `They are refused from now on; try again when other peers are there. ${kept}`,
      data,
    });
  if (swarm.links.connected === 0) return noPeer(swarm, data, kept);
  return new GtpkgError('BLOCKS_MISSING', `no connected peer has ${what}`, {
    hint: `Try again when more peers are there, or name one with gtpkg peer add. ${kept}`,
    data,
  });
}

/** The last time that somebody had all of one that is missing. */
function lastTime(missing: readonly { readonly lastSeen?: string }[]): string | undefined {
  return missing
    .map((each) => each.lastSeen)
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
}

function whenSeen(lastSeen: string | undefined): string {
  return lastSeen === undefined
    ? 'No peer that had all of it was met so far.'
    : `A peer that had all of it was last connected at ${lastSeen}.`;
}
