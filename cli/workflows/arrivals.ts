/**
 * Cores on their way: first the heads of all, so that everything is known about a change before the bulk of it is asked for; then the rest, while
 * what is there is laid out. Nothing is fetched before somebody waits for it; whoever waits learns why it does not come.
 */
import { limits, type ByteSource, type CoreKey, type CoreRef, type Report } from '../../model/index.js';
import type { Depot, FetchProgress } from '../../replication/index.js';

/** Something that comes, once. */
class Arrival {
  readonly here: Promise<void>;
  arrive: () => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor() {
    this.here = new Promise((resolve, reject) => {
      this.arrive = resolve;
      this.fail = (error) => reject(error instanceof Error ? error : new Error(String(error)));
    });
    this.here.catch(() => undefined); // perhaps nobody waits for it
  }
}

/** A core that is no larger has come when its head has. */
const isHead = (ref: CoreRef): boolean => ref.byteLength <= limits.RELEASE_CHUNK;
const bytesOf = (refs: readonly CoreRef[]): number => refs.reduce((sum, ref) => sum + ref.byteLength, 0);

/** What is fetched, for whom. */
export interface ArrivalsOptions {
  readonly depot: Depot;
  /** empty: all that will be read is here already */
  readonly refs: readonly CoreRef[];
  readonly report: Report;
}

/** One fetch that others work alongside. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #heads = new Map<CoreKey, Arrival>();
  readonly #whole = new Map<CoreKey, Arrival>();
  readonly #stop = new AbortController();
  /** neither rejects: who waits for a core is told. The first says whether all came */
  #fetchingHeads: Promise<boolean> | undefined;
  #fetchingRest: Promise<void> | undefined;
  /** of the progress that people see */
  #done = 0;
  #shown: 'not yet' | 'now' | 'over' = 'not yet';

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    for (const { key } of options.refs) {
      this.#heads.set(key, new Arrival());
      this.#whole.set(key, new Arrival());
    }
  }

  /**
   * Resolves when the core's first block is here, where a release says what it is. Those of all cores are asked for.
   * @throws GtpkgError NO_PEER, BLOCKS_MISSING, OFFLINE, PEER_CORRUPT
   */
  async head(ref: CoreRef): Promise<void> {
    const head = this.#heads.get(ref.key);
    if (head === undefined || this.#fetchingRest !== undefined) return this.whole(ref);
    this.#fetchingHeads ??= this.#fetchHeads();
    await head.here;
  }

  /** Resolves when all of the core is here. All of all cores is asked for. @throws as head() */
  async whole(ref: CoreRef): Promise<void> {
    const whole = this.#whole.get(ref.key);
    if (whole === undefined) return;
    this.#fetchingRest ??= this.#fetchRest();
    await whole.here;
  }

  /** A core's bytes. What is not here yet is waited for. */
  source(ref: CoreRef): ByteSource {
    const source = this.#options.depot.source(ref);
    const wait = (end: number): Promise<void> =>
      end <= limits.RELEASE_CHUNK ? this.head(ref) : this.whole(ref);
    return {
      byteLength: ref.byteLength,
      async *read(offset, length) {
        await wait(offset + length);
        yield* source.read(offset, length);
      },
    };
  }

  /** Ends the fetch; what was not here yet does not come. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#fetchingHeads;
    await this.#fetchingRest;
    this.#over();
  }

  async #fetchHeads(): Promise<boolean> {
    const { refs } = this.#options;
    const arrive = (keys: Iterable<CoreKey>): void => {
      for (const key of keys) this.#heads.get(key)?.arrive();
    };
    try {
      await this.#fetch(refs, { heads: true, onFinished: arrive });
      arrive(refs.map(({ key }) => key));
      for (const ref of refs) if (isHead(ref)) this.#whole.get(ref.key)?.arrive();
      return true;
    } catch (error) {
      for (const arrival of [...this.#heads.values(), ...this.#whole.values()]) arrival.fail(error);
      return false;
    }
  }

  async #fetchRest(): Promise<void> {
    if ((await this.#fetchingHeads) === false) return;
    const { refs } = this.#options;
    const arrive = (keys: Iterable<CoreKey>): void => {
      for (const key of keys) this.#whole.get(key)?.arrive();
    };
    try {
      const rest = this.#fetchingHeads === undefined ? refs : refs.filter((ref) => !isHead(ref));
      if (rest.length > 0) await this.#fetch(rest, { heads: false, onFinished: arrive });
      arrive(refs.map(({ key }) => key));
    } catch (error) {
      for (const arrival of this.#whole.values()) arrival.fail(error);
    } finally {
      this.#over();
    }
  }

  #over(): void {
    if (this.#shown === 'now') this.#options.report({ kind: 'end', id: 'fetch' });
    this.#shown = 'over';
  }

  async #fetch(
    refs: readonly CoreRef[],
    { heads, onFinished }: { heads: boolean; onFinished: (keys: Iterable<CoreKey>) => void },
  ): Promise<void> {
    const { depot, report } = this.#options;
    const total = bytesOf(this.#options.refs);
    const before = heads ? 0 : total - bytesOf(refs);
    if (this.#shown === 'not yet')
      report({ kind: 'start', id: 'fetch', label: 'Fetching', total, unit: 'bytes' });
    this.#shown = 'now';
    const onProgress = ({ done, peers, finished }: FetchProgress): void => {
      const note = `${peers} peer${peers === 1 ? '' : 's'}`;
      // what the second fetch finds to be here is counted little by little
      this.#done = Math.max(this.#done, before + done);
      report({ kind: 'advance', id: 'fetch', done: this.#done, total, note });
      onFinished(finished);
    };
    await depot.fetch(refs, { first: heads ? 1 : undefined, signal: this.#stop.signal, onProgress });
  }
}
