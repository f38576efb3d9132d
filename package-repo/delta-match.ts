/**
 * What of a new file stands in an old one, nearly: after Percival's bsdiff ("Naive differences of executable code", 2003). Pure.
 *
 * A move copies a stretch of the old file of which most bytes, not all, are right; the few that differ (addresses in code that
 * shifted) are written as byte differences, far smaller than a new match for each. Positions are found in chains of hashes of eight
 * bytes instead of bsdiff's suffix array: a quarter of its memory, a fraction of its time, and nearly its matches.
 */

/** Copy `copy` bytes of the old file from `from`, mending what differs; then take `fresh` bytes that are new. */
export interface Move {
  readonly from: number;
  readonly copy: number;
  readonly fresh: number;
}

const KEY = 8;
const MOST_BITS = 22;
/** Places looked at for one position: runs of equal bytes have endless chains. */
const TRIES = 48;
/** A match of this length is good enough to look no further. */
const PLENTY = 4096;
/**
 * A match must explain this many bytes more than going on with the last one would: bsdiff's figure. In text, chance matches of common
 * words cost more to tell than the words do once they are compressed.
 */
const GAIN = 8;
const GAIN_TEXT = 24;
/** Files without a NUL so far are text. */
const LOOKED_AT = 4096;

/** Chains of places in an old file by the eight bytes that stand there. */
class Places {
  readonly #bits: number;
  readonly #head: Int32Array;
  readonly #next: Int32Array;

  constructor(readonly old: Uint8Array) {
    this.#bits = Math.min(MOST_BITS, Math.max(8, 32 - Math.clz32(old.length)));
    this.#head = new Int32Array(1 << this.#bits).fill(-1);
    this.#next = new Int32Array(old.length);
    for (let at = old.length - KEY; at >= 0; at--) {
      const slot = hash(old, at, this.#bits);
      this.#next[at] = this.#head[slot] as number;
      this.#head[slot] = at;
    }
  }

  /** Where the longest match of `fresh` from `at` stands; `near` is tried first and wins a tie. */
  longest(fresh: Uint8Array, at: number, near: number): { length: number; position: number } {
    const { old } = this;
    let length = 0;
    let position = 0;
    const most = fresh.length - at;
    const look = (place: number): void => {
      if (length > 0 && old[place + length] !== fresh[at + length]) return;
      const end = Math.min(old.length - place, most);
      let same = 0;
      while (same < end && old[place + same] === fresh[at + same]) same++;
      if (same > length) {
        length = same;
        position = place;
      }
    };
    if (near >= 0 && near < old.length) look(near);
    if (most < KEY) return { length, position };
    let place = this.#head[hash(fresh, at, this.#bits)] as number;
    for (let tries = TRIES; place >= 0 && tries > 0 && length < PLENTY; tries--) {
      look(place);
      place = this.#next[place] as number;
    }
    return { length, position };
  }
}

function hash(bytes: Uint8Array, at: number, bits: number): number {
  const low =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  const high =
    (bytes[at + 4] as number) |
    ((bytes[at + 5] as number) << 8) |
    ((bytes[at + 6] as number) << 16) |
    ((bytes[at + 7] as number) << 24);
  return (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> (32 - bits);
}

/** Moves that make `fresh` from `old`, in order; their lengths add up to `fresh`. */
export function findMoves(old: Uint8Array, fresh: Uint8Array): Move[] {
  if (old.length === 0) return fresh.length === 0 ? [] : [{ from: 0, copy: 0, fresh: fresh.length }];
  return new Matcher(new Places(old), fresh).run();
}

class Matcher {
  readonly #gain: number;
  readonly #places: Places;
  readonly #old: Uint8Array;
  readonly #fresh: Uint8Array;
  readonly #moves: Move[] = [];
  // the last match: where it began on both sides
  #lastScan = 0;
  #lastPosition = 0;

  constructor(places: Places, fresh: Uint8Array) {
    this.#places = places;
    this.#old = places.old;
    this.#fresh = fresh;
    this.#gain = fresh.subarray(0, LOOKED_AT).includes(0) ? GAIN : GAIN_TEXT;
  }

  run(): Move[] {
    const [old, fresh] = [this.#old, this.#fresh];
    let scan = 0;
    let length = 0;
    let position = 0;
    let offset = 0;
    const goesOn = (at: number): boolean => {
      const there = at + offset;
      return there >= 0 && there < old.length && old[there] === fresh[at];
    };
    while (scan < fresh.length) {
      // how many of the bytes of a new match the last one, carried on, would give as well
      let score = 0;
      scan += length;
      for (let seen = scan; scan < fresh.length; scan++) {
        ({ length, position } = this.#places.longest(fresh, scan, scan + offset));
        for (; seen < scan + length; seen++) if (goesOn(seen)) score++;
        if ((length === score && length !== 0) || length > score + this.#gain) break;
        if (goesOn(scan)) score--;
      }
      if (length === score && scan < fresh.length) continue;
      this.#add(scan, position);
      offset = position - scan;
    }
    return this.#moves;
  }

  // Lets the last match grow forward and the new one backward as long as most bytes fit.
  #add(scan: number, position: number): void {
    const [old, fresh] = [this.#old, this.#fresh];
    const [lastScan, lastPosition] = [this.#lastScan, this.#lastPosition];
    let forward = 0;
    for (let at = 0, same = 0, best = 0; lastScan + at < scan && lastPosition + at < old.length;) {
      if (old[lastPosition + at] === fresh[lastScan + at]) same++;
      at++;
      if (same * 2 - at > best * 2 - forward) {
        best = same;
        forward = at;
      }
    }
    let backward = 0;
    if (scan < fresh.length) {
      for (let at = 1, same = 0, best = 0; scan >= lastScan + at && position >= at; at++) {
        if (old[position - at] === fresh[scan - at]) same++;
        if (same * 2 - at > best * 2 - backward) {
          best = same;
          backward = at;
        }
      }
    }
    const overlap = lastScan + forward - (scan - backward);
    if (overlap > 0) {
      let cut = 0;
      for (let at = 0, better = 0, best = 0; at < overlap; at++) {
        const here = lastScan + forward - overlap + at;
        if (fresh[here] === old[lastPosition + forward - overlap + at]) better++;
        if (fresh[scan - backward + at] === old[position - backward + at]) better--;
        if (better > best) {
          best = better;
          cut = at + 1;
        }
      }
      forward += cut - overlap;
      backward -= cut;
    }
    const begin = scan - backward;
    const move = { from: lastPosition, copy: forward, fresh: begin - (lastScan + forward) };
    if (move.copy + move.fresh > 0) this.#moves.push(move);
    this.#lastScan = begin;
    this.#lastPosition = position - backward;
  }
}
