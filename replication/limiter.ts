/**
 * Upload and download rates over all connections: a token bucket of bytes, and a valve that holds one connection to it.
 *
 * Bytes are counted on the wire, encrypted, so the rules are the same for TCP and UDX. What is to be sent goes in pieces, one
 * connection after the other, so that nobody waits for another's whole block; reading stops while the bucket is empty, and
 * the other end notices. Without a limit none of this is in the way.
 */

/** Sent at once: small enough to be smooth, large enough to cost nothing. */
export const PIECE = 16 * 1024;
/** What may be sent at once after silence, in seconds of the rate. */
const BURST = 0.05;

/** Time, as a limiter sees it. */
export interface Clock {
  /** milliseconds */
  now(): number;
  after(milliseconds: number, call: () => void): void;
}

const machine: Clock = {
  now: () => performance.now(),
  after: (milliseconds, call) => void setTimeout(call, milliseconds).unref(),
};

/** A rate in bytes per second, shared. */
export class Limiter {
  readonly #rate: number;
  readonly #depth: number;
  readonly #clock: Clock;
  readonly #waiting: { bytes: number; granted: () => void }[] = [];
  #tokens: number;
  #at: number;
  #waking = false;

  /** @param rate - bytes per second, positive */
  constructor(rate: number, clock: Clock = machine) {
    this.#rate = rate;
    this.#depth = Math.max(PIECE, rate * BURST);
    this.#clock = clock;
    this.#tokens = this.#depth;
    this.#at = clock.now();
  }

  /** Calls back when that many bytes may go; first come, first served. */
  take(bytes: number, granted: () => void): void {
    this.#waiting.push({ bytes, granted });
    this.#serve();
  }

  /** Counts bytes that came already; returns the milliseconds until more are welcome. */
  charge(bytes: number): number {
    this.#fill();
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate) * 1000;
  }

  #fill(): void {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#depth, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
  }

  #serve(): void {
    this.#fill();
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const needed = Math.min(next.bytes, this.#depth);
      if (this.#tokens < needed) return this.#wake(((needed - this.#tokens) / this.#rate) * 1000);
      this.#tokens -= next.bytes;
      this.#waiting.shift();
      next.granted();
    }
  }

  #wake(milliseconds: number): void {
    if (this.#waking) return;
    this.#waking = true;
    this.#clock.after(milliseconds, () => {
      this.#waking = false;
      this.#serve();
    });
  }
}

/** The two rates of a node; absent: as fast as it goes. */
export interface Rates {
  readonly up: Limiter | undefined;
  readonly down: Limiter | undefined;
}

/** What a valve needs of the stream below the encryption: a TCP socket or a UDX stream. */
export interface Raw {
  on(event: string, listener: (...args: never[]) => void): unknown;
  write(bytes: Uint8Array): boolean;
  end(): void;
  pause(): unknown;
  resume(): unknown;
  readonly destroyed: boolean;
}

/** Stands between the encryption and the raw stream of one connection. */
export class Valve {
  readonly #raw: Raw;
  readonly #rates: Rates;
  readonly #queue: Uint8Array[] = [];
  #ondrain: () => void = () => undefined;
  #waiting = false;
  #full = false;
  #ended = false;
  /** while true, nobody may resume the raw stream */
  held = false;

  constructor(raw: Raw, rates: Rates) {
    this.#raw = raw;
    this.#rates = rates;
    raw.on('drain', () => {
      this.#full = false;
      this.#send();
    });
  }

  on(event: string, listener: (...args: never[]) => void): void {
    const { down } = this.#rates;
    if (event === 'drain') this.#ondrain = listener as () => void;
    else if (event === 'data' && down !== undefined) {
      this.#raw.on('data', (bytes: Uint8Array) => {
        (listener as (bytes: Uint8Array) => void)(bytes);
        this.#hold(down.charge(bytes.byteLength));
      });
    } else this.#raw.on(event, listener);
  }

  /** False: wait for `drain`. */
  write(bytes: Uint8Array): boolean {
    if (this.#rates.up === undefined) return this.#raw.write(bytes);
    this.#queue.push(bytes);
    this.#send();
    return this.#idle;
  }

  end(): void {
    this.#ended = true;
    if (this.#idle) this.#raw.end();
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && !this.#waiting && !this.#full;
  }

  #send(): void {
    const { up } = this.#rates;
    if (this.#waiting || this.#full || this.#raw.destroyed) return;
    const next = this.#queue[0];
    if (next === undefined || up === undefined) {
      if (this.#ended) this.#raw.end();
      else this.#ondrain();
      return;
    }
    const piece = next.subarray(0, PIECE);
    if (piece.byteLength === next.byteLength) this.#queue.shift();
    else this.#queue[0] = next.subarray(PIECE);
    this.#waiting = true;
    up.take(piece.byteLength, () => {
      this.#waiting = false;
      if (this.#raw.destroyed) return;
      this.#full = !this.#raw.write(piece);
      this.#send();
    });
  }

  #hold(milliseconds: number): void {
    if (milliseconds <= 0 || this.held) return;
    this.held = true;
    this.#raw.pause();
    setTimeout(() => {
      this.held = false;
      if (!this.#raw.destroyed) this.#raw.resume();
    }, milliseconds).unref();
  }
}
