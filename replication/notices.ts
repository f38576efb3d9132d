/**
 * Notices: small things to be known of an index beside its log (proposals, co-signatures, proof of two histories), passed from peer to peer.
 * docs/formats/swarm.md, "Notices". What they say is for the judge that this node was given: a notice that he refuses is neither kept
 * nor passed on, and costs its sender a message of its allowance.
 *
 * A node that is told of a topic that it follows as well names the ids that it holds; the other end asks for those that it lacks.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits, type CoreKey } from '../model/index.js';
import { writeAtomic } from './disk.js';
import type { Link } from './link.js';
import type { MessageKind, Talks } from './talk.js';

const HASH = 32;
/** Refused notices that are judged once more after an update: 4 MiB at most. */
const DOUBTFUL = 16;
const MOST_REFUSED = 1024;

/** Says whether a notice of an index core is worth keeping. Must not throw. */
export type JudgeNotice = (core: CoreKey, bytes: Buffer) => Promise<boolean>;

/** A topic, and ids of notices, in hexadecimal. */
interface Ids {
  readonly topic: string;
  readonly ids: readonly string[];
}

const idList = (id: number, bounds: MessageKind<Ids>['bounds']): MessageKind<Ids> => ({
  id,
  bounds,
  encode: ({ topic, ids }) => Buffer.from(topic + ids.join(''), 'hex'),
  decode(bytes) {
    if (bytes.length < HASH || bytes.length % HASH !== 0) throw new RangeError('half an id');
    const all = Array.from({ length: bytes.length / HASH }, (_, i) =>
      bytes.toString('hex', i * HASH, (i + 1) * HASH),
    );
    return Object.freeze({ topic: all[0] ?? '', ids: all.slice(1) });
  },
});

/** "I hold these of that topic": all of them, after a `join` that names it, and one when it is new. */
export const noticesHeld = idList(3, limits.TALK.noticesHeld);
/** "Send me these." */
export const noticesAsk = idList(4, limits.TALK.noticesAsk);
/** The bytes of one, behind its topic. */
export const notice: MessageKind<{ readonly topic: string; readonly bytes: Buffer }> = {
  id: 5,
  bounds: limits.TALK.notice,
  encode: ({ topic, bytes }) => Buffer.concat([Buffer.from(topic, 'hex'), bytes]),
  decode(bytes) {
    if (bytes.length <= HASH) throw new RangeError('no notice');
    return Object.freeze({ topic: bytes.toString('hex', 0, HASH), bytes: Buffer.from(bytes.subarray(HASH)) });
  },
};

export interface NoticesContext {
  readonly home: string;
  readonly judge: JudgeNotice;
  readonly talks: Pick<Talks, 'on'>;
  readonly links: () => Iterable<Link>;
  /** the index core of a topic that this node follows */
  readonly coreOf: (topic: string) => CoreKey | undefined;
}

/** One peer in this conversation. */
interface Seat {
  readonly topics: Set<string>;
  /** topics of which it has said what it holds */
  readonly told: Set<string>;
  /** asked of it and not come yet, `topic id` */
  readonly waiting: Set<string>;
}

/** Keeps notices and passes them on. */
export class Notices {
  readonly #context: NoticesContext;
  readonly #seats = new WeakMap<Link, Seat>();
  /** `topic id` of what was refused: not asked for again */
  readonly #refused = new Set<string>();
  /** the last of them: what stands on a state that is not known here yet may be good after an update */
  readonly #doubtful = new Map<
    string,
    { readonly link: Link; readonly topic: string; readonly bytes: Buffer }
  >();
  /** how many peers asked for one */
  readonly #taken = new Map<string, number>();
  #judging: Promise<void> = Promise.resolve();

  constructor(context: NoticesContext) {
    this.#context = context;
    context.talks.on(noticesHeld, (link, { topic, ids }) => void this.#heard(link, topic, ids));
    context.talks.on(noticesAsk, (link, { topic, ids }) => void this.#asked(link, topic, ids));
    context.talks.on(notice, (link, { topic, bytes }) => this.#came(link, topic, bytes));
  }

  /** A peer follows these topics: it is told what is held of those that are followed here. */
  joined(link: Link, topics: readonly string[]): void {
    const seat = this.#seat(link);
    for (const topic of topics) {
      if (seat.topics.has(topic) || this.#context.coreOf(topic) === undefined) continue;
      seat.topics.add(topic);
      void this.#list(topic).then((ids) => link.talk?.say(noticesHeld, { topic, ids }));
    }
  }

  /** All that is kept of a topic, oldest first. */
  async read(topic: string): Promise<Buffer[]> {
    const found = await Promise.all(
      (await this.#list(topic)).map((id) => readFile(this.#path(topic, id)).catch(() => undefined)),
    );
    return found.filter((bytes) => bytes !== undefined);
  }

  /** Waits until all peers that follow a topic have said what they hold, and it has come; or so many milliseconds. */
  async settled(topic: string, timeout: number): Promise<void> {
    const end = performance.now() + timeout;
    const open = (): boolean =>
      [...this.#context.links()].some((link) => {
        const seat = this.#seats.get(link);
        if (seat === undefined || !seat.topics.has(topic)) return false;
        return !seat.told.has(topic) || [...seat.waiting].some((each) => each.startsWith(topic));
      });
    while (open() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const [name, { link, topic: about, bytes }] of this.#doubtful) {
      if (about !== topic) continue;
      this.#doubtful.delete(name);
      this.#refused.delete(name);
      this.#seat(link).waiting.add(name);
      this.#came(link, topic, bytes);
    }
    await this.#judging;
  }

  /** Keeps a notice of our own and tells of it. */
  async put(topic: string, bytes: Buffer): Promise<string> {
    const id = idOf(bytes);
    await this.#store(topic, id, bytes);
    this.#tell(topic, id);
    return id;
  }

  /** How many peers asked for it. */
  taken(topic: string, id: string): number {
    return this.#taken.get(`${topic} ${id}`) ?? 0;
  }

  async drop(topic: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#refused.add(`${topic} ${id}`);
      await rm(this.#path(topic, id), { force: true });
    }
  }

  #seat(link: Link): Seat {
    let seat = this.#seats.get(link);
    if (seat === undefined)
      this.#seats.set(link, (seat = { topics: new Set(), told: new Set(), waiting: new Set() }));
    return seat;
  }

  async #heard(link: Link, topic: string, ids: readonly string[]): Promise<void> {
    if (this.#context.coreOf(topic) === undefined) return;
    const seat = this.#seat(link);
    const held = new Set(await this.#list(topic));
    const wanted = ids.filter((id) => !held.has(id) && !this.#refused.has(`${topic} ${id}`));
    const some = wanted.slice(0, limits.MAX_NOTICES);
    for (const id of some) seat.waiting.add(`${topic} ${id}`);
    seat.told.add(topic);
    if (some.length > 0) link.talk?.say(noticesAsk, { topic, ids: some });
  }

  async #asked(link: Link, topic: string, ids: readonly string[]): Promise<void> {
    if (this.#context.coreOf(topic) === undefined) return;
    for (const id of ids.slice(0, limits.MAX_NOTICES)) {
      const bytes = await readFile(this.#path(topic, id)).catch(() => undefined);
      if (bytes === undefined) continue;
      link.talk?.say(notice, { topic, bytes });
      this.#taken.set(`${topic} ${id}`, this.taken(topic, id) + 1);
    }
  }

  #came(link: Link, topic: string, bytes: Buffer): void {
    const id = idOf(bytes);
    const seat = this.#seat(link);
    const core = this.#context.coreOf(topic);
    // what nobody asked for is not looked at
    if (core === undefined || !seat.waiting.has(`${topic} ${id}`)) return;
    this.#judging = this.#judging.then(async () => {
      const good = await this.#context.judge(core, bytes).catch(() => false);
      if (good) {
        await this.#store(topic, id, bytes).catch(() => undefined);
        this.#tell(topic, id);
      } else {
        this.#refused.add(`${topic} ${id}`);
        this.#doubtful.set(`${topic} ${id}`, { link, topic, bytes });
        const [oldest] = this.#doubtful.keys();
        if (this.#doubtful.size > DOUBTFUL && oldest !== undefined) this.#doubtful.delete(oldest);
        const [first] = this.#refused;
        if (this.#refused.size > MOST_REFUSED && first !== undefined) this.#refused.delete(first);
      }
      seat.waiting.delete(`${topic} ${id}`);
    });
  }

  #tell(topic: string, id: string): void {
    for (const link of this.#context.links()) {
      if (this.#seats.get(link)?.topics.has(topic) === true)
        link.talk?.say(noticesHeld, { topic, ids: [id] });
    }
  }

  #path(topic: string, id: string): string {
    return join(this.#context.home, 'notices', topic, id);
  }

  async #list(topic: string): Promise<string[]> {
    const names = await readdir(join(this.#context.home, 'notices', topic)).catch(() => []);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).slice(0, limits.MAX_NOTICES);
  }

  async #store(topic: string, id: string, bytes: Buffer): Promise<void> {
    const directory = join(this.#context.home, 'notices', topic);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeAtomic(this.#path(topic, id), bytes);
    const names = (await readdir(directory)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    if (names.length <= limits.MAX_NOTICES) return;
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(directory, name))).mtimeMs })),
    );
    aged.sort((a, b) => a.at - b.at);
    for (const { name } of aged.slice(0, names.length - limits.MAX_NOTICES))
      await rm(join(directory, name), { force: true });
  }
}

/** The name of a notice: SHA-256 of its bytes, hexadecimal. */
export function idOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
