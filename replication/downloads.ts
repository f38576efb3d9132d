/**
 * Which block is asked of whom, where hypercore's own choice costs too much: with many peers it takes blocks at random, asks for as many
 * as a fast line can bear, and asks up to three peers for one block.
 *
 * - Rarest first: of some blocks that a peer has, the one that fewest others have. Clients of one seeder so get different blocks, and
 *   the rest from each other. What a much faster peer has too is not asked of a slow one.
 * - A window for each connection: as many blocks as it delivers without a queue of its own. What is asked of a slow peer early
 *   cannot be had from a faster one later, and what waits to be stored fills the memory.
 * - A block that is asked for already is asked of a second peer only when that one is much faster, or the first has had PATIENCE for it.
 *
 * Only downloads of bounded ranges are steered, which is what fetches of static cores are; logs are left as they are.
 */
import type { Connection, CorePeer, InternalCore, Range, Replicator } from 'hypercore';
import { limits } from '../model/index.js';

/** Blocks compared to find a rare one: as good as all of them, and as fast as a few. */
const LOOK = 24;
/** The window grows while a block takes no more than twice the shortest time and this, and shrinks past four times and that. Milliseconds. */
const SLACK = { good: 100, bad: 1000 } as const;
/** Slower than this, a peer has to compare with others that have the same block. */
const SLOW = 400;
/** Before a second peer is asked for the same block. */
const PATIENCE = 1500;
/** of the newest latency in the mean */
const WEIGHT = 0.3;

/** What is known of a connection that we download from. */
interface Pace {
  /** blocks that may be on their way */
  window: number;
  /** milliseconds from request to verified block, recent ones counting most */
  latency: number;
  /** the shortest ever */
  shortest: number;
}
const paces = new WeakMap<Connection, Pace>();

/** A block came: how long it took says how many to ask for. @param elapsed - milliseconds since it was asked for */
export function delivered(connection: Connection, elapsed: number): void {
  const [least, most] = limits.INFLIGHT_BLOCKS;
  let pace = paces.get(connection);
  if (pace === undefined) {
    pace = { window: limits.FIRST_INFLIGHT_BLOCKS, latency: elapsed, shortest: elapsed };
    paces.set(connection, pace);
  }
  pace.latency += (elapsed - pace.latency) * WEIGHT;
  pace.shortest = Math.min(pace.shortest, elapsed);
  if (elapsed <= 2 * pace.shortest + SLACK.good) pace.window = Math.min(most, pace.window + 1);
  else if (elapsed >= 4 * pace.shortest + SLACK.bad) pace.window = Math.max(least, pace.window - 1);
}

/** True when one of two peers is slow and the other much faster. One that has delivered nothing yet is given the benefit of the doubt. */
function isOutpaced(slow: Connection, fast: Connection): boolean {
  const latency = paces.get(slow)?.latency ?? 0;
  return latency > SLOW && (paces.get(fast)?.latency ?? 0) < latency / 2;
}

/** To be called now and then: blocks that have waited too long at one peer are asked of others. */
export function hurry(core: InternalCore): void {
  const { replicator } = core;
  if (replicator.peers.length < 2) return;
  for (const peer of replicator.peers) replicator.updatePeer(peer);
}

let taken = false;

/** Takes the choice over from hypercore, once for the process: it has no option for it. */
export function steerDownloads(replicator: Replicator): void {
  if (taken) return;
  taken = true;
  const { Peer, prototype } = replicator.constructor;
  const { _requestRange, getMaxInflight } = Peer.prototype;
  Peer.prototype._requestRange = function (this: CorePeer, range: Range): boolean {
    const steered = range.blocks === null && !range.linear && range.userEnd !== -1;
    return steered ? requestRarest(this, range) : _requestRange.call(this, range);
  };
  Peer.prototype.getMaxInflight = function (this: CorePeer): number {
    return (
      paces.get(this.stream)?.window ?? Math.min(getMaxInflight.call(this), limits.FIRST_INFLIGHT_BLOCKS)
    );
  };
  prototype._updateHotswap = function (this: Replicator, peer: CorePeer): void {
    if (!peer.isActive() || peer.inflight >= peer.getMaxInflight()) return;
    const late = Date.now() - PATIENCE;
    for (const block of this.hotswaps.pick(peer)) {
      const [first, second] = block.inflight;
      if (first === undefined || second !== undefined) continue;
      if (first.timestamp > late && !isOutpaced(first.peer.stream, peer.stream)) continue;
      if (peer._requestBlock(block) && peer.inflight >= peer.getMaxInflight()) return;
    }
  };
}

/** hypercore's _requestRange, but for the choice of the block. */
function requestRarest(peer: CorePeer, range: Range): boolean {
  if (peer.syncsProcessing > 0) return false;
  const { length, fork } = peer.core.state ?? { length: 0, fork: -1 };
  peer._populateRangeBatches(range);
  const end = peer._getValidEnd(range.end);
  if (end <= range.start || fork !== peer.remoteFork) return false;
  const index = rarest(peer, range.start, end);
  if (index !== undefined && peer._requestRangeBlock(index, length)) return true;
  // hypercore speaks of blocks in parts of 2^21, more than any static core has
  for (const part of range.batches) peer._maybeWant(range.start, part);
  return false;
}

function rarest(peer: CorePeer, from: number, to: number): number | undefined {
  const { peers } = peer.replicator;
  let best: number | undefined;
  let least = Infinity;
  for (let look = 0; look < LOOK && least > 1; look++) {
    let index = peer._findNext(from + Math.floor(Math.random() * (to - from)));
    if (index === -1 || index >= to) index = peer._findNext(from);
    if (index === -1 || index >= to) return undefined;
    if (index === best) continue;
    let holders = 0;
    let outpaced = false;
    for (const other of peers) {
      if (!other._remoteHasBlock(index)) continue;
      holders++;
      outpaced ||= other !== peer && other.isActive() && isOutpaced(peer.stream, other.stream);
    }
    if (holders < least && !outpaced) [best, least] = [index, holders];
  }
  return best;
}
