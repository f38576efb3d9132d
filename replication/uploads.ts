/**
 * Which block goes out next: the order in which requests of peers are answered.
 *
 * hypercore answers each connection's requests as they come, up to 8 MiB at once. Here every connection has few blocks on their way. Where
 * the upload rate is limited, few are on their way over all connections together, and of all blocks that are asked for the
 * one goes first that was sent least often: several who want the same core get different blocks, and have the rest from
 * each other. What they get elsewhere meanwhile they cancel, and it is not sent again. Who waits long is served all the same.
 * A connection with more requests waiting than MAX_REQUESTS is cut off.
 */
import type { Connection, CorePeer, Replicator, Request } from 'hypercore';
import { limits } from '../model/index.js';

/** Blocks read ahead for each connection, where the wire is as fast as it goes. */
const FREE = 4;
/** Blocks on their way over all connections where it is not, one a connection. */
const LIMITED = 3;
/** Requests of one connection looked at to find the best one. */
const LOOK = 64;
/** Having waited this long is worth as much as being sent once less. Milliseconds. */
const AGING = 5000;

/** What uploads are told of the node. */
export interface UploadContext {
  /** bytes per second over all connections; absent: as fast as it goes */
  readonly rate: number | undefined;
  /** a connection asks for more than is proper */
  flooded(connection: Connection): void;
}

interface Waiting {
  readonly peer: CorePeer;
  readonly request: Request;
  readonly since: number;
}

interface Lane {
  readonly connection: Connection;
  readonly waiting: Waiting[];
  /** blocks being read */
  active: number;
  /** when the last one began */
  began: number;
}

export class Uploads {
  readonly #context: UploadContext;
  readonly #lanes = new Map<Connection, Lane>();
  /** how often each block was sent since its core was opened */
  readonly #sent = new WeakMap<Replicator, Map<number, number>>();
  /** a lane that takes longer for its block is held up by its own wire, and does not count */
  readonly #slow: number;

  constructor(context: UploadContext) {
    this.#context = context;
    this.#slow = context.rate === undefined ? 0 : (2000 * LIMITED * limits.RELEASE_CHUNK) / context.rate;
  }

  /** From now on, requests over this connection are answered in our order. */
  attend(connection: Connection): void {
    const lane: Lane = { connection, waiting: [], active: 0, began: 0 };
    this.#lanes.set(connection, lane);
    attended.set(connection, this);
    connection.on('drain', () => this.#pump(lane));
    connection.on('close', () => {
      this.#lanes.delete(connection);
      this.#pump(lane);
    });
  }

  ask(peer: CorePeer, request: Request): void {
    const lane = this.#lanes.get(peer.stream);
    if (lane === undefined) return;
    peer.remoteRequests.set(request.id, request); // an older one of that number is thereby cancelled
    lane.waiting.push({ peer, request, since: performance.now() });
    if (lane.waiting.length > limits.MAX_REQUESTS) tidy(lane);
    if (lane.waiting.length > limits.MAX_REQUESTS) this.#context.flooded(peer.stream);
    else this.#pump(lane);
  }

  #pump(lane: Lane): void {
    if (this.#context.rate === undefined) {
      while (lane.active < FREE && lane.connection.userData.drained && this.#answer(lane));
    } else while (this.#answerBest());
  }

  /** Over all lanes that are free, the best request. */
  #answerBest(): boolean {
    const now = performance.now();
    let busy = 0;
    let best: Lane | undefined;
    let least = Infinity;
    for (const lane of this.#lanes.values()) {
      if (lane.active > 0 || !lane.connection.userData.drained) {
        if (now - lane.began < this.#slow && ++busy >= LIMITED) return false;
        continue;
      }
      const worth = this.#best(lane)?.worth ?? Infinity;
      if (worth < least) [best, least] = [lane, worth];
    }
    return best !== undefined && this.#answer(best);
  }

  #answer(lane: Lane): boolean {
    const { connection } = lane;
    const best = this.#best(lane);
    if (best === undefined || connection.destroying) return false;
    const [{ peer, request }] = lane.waiting.splice(best.at, 1) as [Waiting];
    lane.active++;
    lane.began = performance.now();
    if (request.block !== null) this.#count(peer.replicator, request.block.index);
    peer._handleRequest(request).then(
      () => {
        lane.active--;
        this.#pump(lane);
      },
      (cause: unknown) => connection.destroy(cause instanceof Error ? cause : undefined),
    );
    return true;
  }

  /** What is small goes at once; then how often the block was sent counts, less the time that the request has waited. */
  #best({ waiting }: Lane): { at: number; worth: number } | undefined {
    const now = performance.now();
    let best: { at: number; worth: number } | undefined;
    for (let at = 0; at < Math.min(LOOK, waiting.length); at++) {
      const { peer, request, since } = waiting[at] as Waiting;
      if (peer.removed || peer.remoteRequests.get(request.id) !== request) {
        waiting.splice(at--, 1);
        continue;
      }
      const { block } = request;
      const sent = block === null ? -1 : (this.#sent.get(peer.replicator)?.get(block.index) ?? 0);
      const worth = sent - (now - since) / AGING;
      if (best === undefined || worth < best.worth) best = { at, worth };
    }
    return best;
  }

  #count(replicator: Replicator, index: number): void {
    let sent = this.#sent.get(replicator);
    if (sent === undefined) this.#sent.set(replicator, (sent = new Map()));
    sent.set(index, (sent.get(index) ?? 0) + 1);
  }
}

function tidy({ waiting }: Lane): void {
  const live = waiting.filter(({ peer, request }) => peer.remoteRequests.get(request.id) === request);
  waiting.splice(0, waiting.length, ...live);
}

const attended = new WeakMap<Connection, Uploads>();
let taken = false;

/** Takes requests over from hypercore, once for the process: it has no option for it. Connections that nobody attends are left to hypercore. */
export function takeRequests(replicator: Replicator): void {
  if (taken) return;
  taken = true;
  const { prototype } = replicator.constructor.Peer;
  const original = prototype.onrequest;
  prototype.onrequest = function (this: CorePeer, request: Request): Promise<void> {
    const uploads = attended.get(this.stream);
    if (uploads === undefined) return original.call(this, request);
    uploads.ask(this, request);
    return Promise.resolve();
  };
}
