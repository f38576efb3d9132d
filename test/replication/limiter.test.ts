/**
 * Rates: counted against a clock of the test's own, and once over real connections.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { Limiter, PIECE, Valve, type Clock, type Raw } from '../../replication/limiter.js';
import { World } from './world.js';

const KiB = 1024;
const LIMIT = { timeout: 60_000 };
let world: World;

/** Time that passes only when told to. */
class Hours implements Clock {
  #now = 0;
  #timers: { at: number; call: () => void }[] = [];
  now = (): number => this.#now;
  after = (milliseconds: number, call: () => void): void => {
    this.#timers.push({ at: this.#now + milliseconds, call });
  };
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }
}

/** A raw stream that takes everything and counts it. */
class Sink implements Raw {
  bytes = 0;
  largest = 0;
  ended = false;
  destroyed = false;
  on(): this {
    return this;
  }
  write(bytes: Uint8Array): boolean {
    this.bytes += bytes.byteLength;
    this.largest = Math.max(this.largest, bytes.byteLength);
    return true;
  }
  end(): void {
    this.ended = true;
  }
  pause(): void {}
  resume(): void {}
}

describe('rates', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('so many bytes a second and no more, whatever the pieces, with little at once after silence', () => {
    for (const rate of [50 * KiB, 1024 * KiB, 100 * 1024 * KiB]) {
      const clock = new Hours();
      const limiter = new Limiter(rate, clock);
      clock.pass(60_000); // silence is not saved up
      let sent = 0;
      const more = (): void => limiter.take(PIECE, () => ((sent += PIECE), more()));
      more();
      assert.ok(sent <= Math.max(PIECE, rate / 20) + PIECE, `${sent} at once`);
      for (let second = 1; second <= 10; second++) {
        clock.pass(1000);
        assert.ok(
          Math.abs(sent - second * rate) <= rate * 0.1 + 2 * PIECE,
          `${sent} after ${second} s at ${rate}`,
        );
      }
    }
  });

  test('a piece larger than what may go at once goes, and is paid for', () => {
    const clock = new Hours();
    const limiter = new Limiter(64 * KiB, clock);
    let granted = 0;
    limiter.take(640 * KiB, () => granted++);
    limiter.take(1, () => granted++);
    assert.equal(granted, 1);
    clock.pass(9000);
    assert.equal(granted, 1);
    clock.pass(1500);
    assert.equal(granted, 2);
  });

  test('connections take turns: a large block of one does not hold up a small one of another', () => {
    const clock = new Hours();
    const rates = { up: new Limiter(64 * KiB, clock), down: undefined };
    const [large, small] = [new Sink(), new Sink()];
    new Valve(large, rates).write(Buffer.alloc(1024 * KiB));
    const valve = new Valve(small, rates);
    assert.equal(valve.write(Buffer.alloc(PIECE)), false, 'wait for drain');
    let drained = 0;
    valve.on('drain', () => drained++);
    clock.pass(1000);
    assert.equal(small.bytes, PIECE);
    assert.equal(drained, 1);
    assert.ok(large.bytes < 100 * KiB && large.largest <= PIECE);
    clock.pass(20_000);
    assert.equal(large.bytes, 1024 * KiB);
  });

  test('what was written before the end is sent before the end', () => {
    const clock = new Hours();
    const sink = new Sink();
    const valve = new Valve(sink, { up: new Limiter(64 * KiB, clock), down: undefined });
    valve.write(Buffer.alloc(200 * KiB));
    valve.end();
    assert.equal(sink.ended, false);
    clock.pass(10_000);
    assert.equal(sink.bytes, 200 * KiB);
    assert.equal(sink.ended, true);
  });

  test('bytes that came are charged: the pause is what they cost', () => {
    const clock = new Hours();
    const limiter = new Limiter(1024 * KiB, clock);
    assert.equal(limiter.charge(10 * KiB), 0);
    const pause = limiter.charge(1024 * KiB);
    assert.ok(pause > 900 && pause <= 1000, `${pause} ms`);
    clock.pass(pause);
    assert.equal(limiter.charge(0), 0);
  });

  for (const [name, seeder, client] of [
    ['up', { upRate: 1024 * KiB }, {}],
    ['down', {}, { downRate: 1024 * KiB }],
  ] as const) {
    for (const transport of ['tcp', 'udx'] as const) {
      test(`${name} over ${transport}: 3 MiB at 1 MiB/s take no less than their time`, LIMIT, async () => {
        const bytes = randomBytes(6 * limits.RELEASE_CHUNK);
        const { depot, peer } = await world.seeder(`seeder-${name}-${transport}`, {
          ...seeder,
          ...(transport === 'udx' ? { tcp: false } : {}),
        });
        const ref = await depot.putStaticBytes(bytes);
        const other = await world.depot(`client-${name}-${transport}`, {
          ...client,
          ...(transport === 'udx' ? { tcp: false } : {}),
          timeout: 20_000,
        });
        const started = performance.now();
        await other.addPeers([peer]);
        await other.fetch([ref]);
        const took = (performance.now() - started) / 1000;
        // slower is the machine's business, faster would be ours
        assert.ok(took > 2.4, `${took} s`);
      });
    }
  }
});
