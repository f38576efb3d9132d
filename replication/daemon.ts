/**
 * The daemon's side of the socket: answers the calls of other processes of this home with the depot given.
 * docs/formats/daemon-socket.md. Whoever can open the socket is the user; arguments are checked all the same.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import {
  formatPeerAddress,
  GtpkgError,
  parseCoreKey,
  parsePeerAddress,
  type CoreKey,
  type CoreRef,
} from '../model/index.js';
import type { Depot, DepotService, ServiceFacts, FetchProgress, Log } from './contract.js';
import { Arguments, encodeHoldings, encodeRef } from './daemon-arguments.js';
import {
  BEAT,
  DATA_FRAME,
  DATA_WINDOW,
  encodeError,
  FrameSocket,
  removeSocket,
  socketPath,
  VERSION,
  type Header,
} from './wire.js';

/** Commands at once; more wait for a free place. */
const MAX_CLIENTS = 64;
/** Calls at once of one client. */
const MAX_CALLS = 256;

/**
 * Serves until closed; closing ends the clients' calls but not the depot.
 * @param facts - what its status tells beside the depot's own
 * @throws GtpkgError IO_ERROR
 */
export async function serveDepot(
  depot: Depot,
  home: string,
  facts: ServiceFacts = {},
): Promise<DepotService> {
  const path = await socketPath(home, true);
  if (path === undefined) {
    throw new GtpkgError('IO_ERROR', 'there is no safe place for the daemon socket', {
      hint: 'Choose a shorter --home, or set XDG_RUNTIME_DIR.',
    });
  }
  await rm(path, { force: true }); // we hold the store: whatever is there is a leftover
  const clients = new Set<Client>();
  const server = createServer((socket) => {
    if (clients.size >= MAX_CLIENTS) {
      socket.destroy();
      return;
    }
    const client = new Client(depot, socket, facts);
    clients.add(client);
    client.onClose = () => void clients.delete(client);
  });
  await listen(server, path);
  await chmod(path, 0o600);
  return {
    inUse: () => new Set([...clients].flatMap((client) => [...client.used])),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.close();
      await closed;
      await removeSocket(home, path);
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const mask = process.umask(0o177); // the socket is born private: bind happens before listen() returns
    try {
      server.once('error', (cause) =>
        reject(new GtpkgError('IO_ERROR', `cannot listen on ${path}`, { cause })),
      );
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
}

/** A call in progress. */
interface Call {
  readonly id: number;
  readonly args: Arguments;
  readonly body: Buffer;
  readonly stop: AbortController;
  /** bytes of a read sent and not yet acknowledged */
  window: number;
  wake: () => void;
}

type Answer = { readonly ok?: unknown; readonly body?: Uint8Array };

class Client {
  readonly #depot: Depot;
  readonly #frames: FrameSocket;
  readonly #calls = new Map<number, Call>();
  readonly #logs = new Map<number, Log>();
  readonly #beat: NodeJS.Timeout;
  /** cores that this command has fetched, stored or read */
  readonly used = new Set<CoreKey>();
  readonly facts: ServiceFacts;
  #greeted = false;
  #nextLog = 1;
  onClose: () => void = () => undefined;

  constructor(depot: Depot, socket: Socket, facts: ServiceFacts) {
    this.#depot = depot;
    this.facts = facts;
    this.#frames = new FrameSocket(socket);
    this.#frames.onFrame = (header, body) => this.#take(header, body);
    this.#frames.onClose = () => this.#ended();
    this.#beat = setInterval(() => {
      if (this.#calls.size > 0) void this.#frames.send({ beat: true });
    }, BEAT);
    void this.#frames.send({
      hello: 'gtpkg-daemon',
      version: VERSION,
      publicKey: depot.publicKey,
      pid: process.pid,
    });
  }

  close(): void {
    this.#frames.destroy();
  }

  #ended(): void {
    clearInterval(this.#beat);
    for (const call of this.#calls.values()) {
      call.stop.abort(new GtpkgError('TIMEOUT', 'the command went away'));
      call.wake();
    }
    for (const log of this.#logs.values()) void log.close();
    this.onClose();
  }

  #take(header: Header, body: Buffer): void {
    if (!this.#greeted) {
      if (header['hello'] !== 'gtpkg' || header['version'] !== VERSION) return this.close();
      this.#greeted = true;
      return;
    }
    const id = header['id'];
    if (typeof id !== 'number' || !Number.isSafeInteger(id)) return this.close();
    const pending = this.#calls.get(id);
    if (header['cancel'] === true) {
      pending?.stop.abort(new GtpkgError('TIMEOUT', 'the command was stopped'));
      pending?.wake();
    } else if (typeof header['ack'] === 'number') {
      if (pending !== undefined) pending.window -= header['ack'];
      pending?.wake();
    } else if (typeof header['call'] === 'string') {
      if (pending !== undefined || this.#calls.size >= MAX_CALLS) return this.close();
      void this.#answer(header['call'], {
        id,
        args: new Arguments(header['args']),
        body,
        stop: new AbortController(),
        window: 0,
        wake: () => undefined,
      });
    } else this.close();
  }

  async #answer(name: string, call: Call): Promise<void> {
    const { id } = call;
    this.#calls.set(id, call);
    try {
      const handler = Object.hasOwn(HANDLERS, name) ? HANDLERS[name as keyof typeof HANDLERS] : undefined;
      if (handler === undefined) throw new GtpkgError('INTERNAL', `the daemon knows no call "${name}"`);
      const { ok, body } = await handler.call(this, call);
      await this.#frames.send({ id, ok: ok ?? null }, body);
    } catch (error) {
      await this.#frames.send({ id, error: encodeError(error) }).catch(() => this.close());
    } finally {
      this.#calls.delete(id);
    }
  }

  get depot(): Depot {
    return this.#depot;
  }

  progress(call: Call, progress: unknown): void {
    void this.#frames.send({ id: call.id, progress });
  }

  use(ref: CoreRef): CoreRef {
    this.used.add(ref.key);
    return ref;
  }

  addLog(log: Log): number {
    const handle = this.#nextLog++;
    this.#logs.set(handle, log);
    return handle;
  }

  log(call: Call): Log {
    const log = this.#logs.get(call.args.number('log'));
    if (log === undefined) throw new GtpkgError('INTERNAL', 'the daemon knows no such log');
    return log;
  }

  async closeLog(call: Call): Promise<void> {
    const log = this.log(call);
    this.#logs.delete(call.args.number('log'));
    await log.close();
  }

  /** Sends bytes as data frames, at most DATA_WINDOW ahead of the reader. */
  async stream(call: Call, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { signal } = call.stop;
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.byteLength; start += DATA_FRAME) {
        const piece = chunk.subarray(start, start + DATA_FRAME);
        while (call.window + piece.byteLength > DATA_WINDOW && !signal.aborted) {
          await new Promise<void>((resolve) => (call.wake = resolve));
        }
        if (signal.aborted) throw signal.reason;
        call.window += piece.byteLength;
        await this.#frames.send({ id: call.id, data: true }, piece);
      }
    }
  }
}

/** The calls, by name. `this` is the client. */
const HANDLERS = {
  async putStatic(this: Client, { args }: Call): Promise<Answer> {
    return { ok: encodeRef(this.use(await this.depot.putStatic(args.path('path')))) };
  },
  async putStaticBytes(this: Client, { body }: Call): Promise<Answer> {
    return { ok: encodeRef(this.use(await this.depot.putStaticBytes(body))) };
  },
  async held(this: Client, { args }: Call): Promise<Answer> {
    return { ok: await this.depot.held(args.refs('refs')) };
  },
  async fetch(this: Client, call: Call): Promise<Answer> {
    const { args, stop } = call;
    await this.depot.fetch(
      args.refs('refs').map((ref) => this.use(ref)),
      {
        ...args.wait(stop.signal),
        offline: args.flag('offline'),
        heads: args.flag('heads'),
        onProgress: (progress) => this.progress(call, progress),
      },
    );
    return {};
  },
  async read(this: Client, call: Call): Promise<Answer> {
    const { args } = call;
    await this.stream(
      call,
      this.depot.source(this.use(args.ref('ref'))).read(args.number('offset'), args.number('length')),
    );
    return {};
  },
  async leaves(this: Client, { args }: Call): Promise<Answer> {
    return { body: await this.depot.leaves(args.ref('ref')) };
  },
  async putPart(this: Client, call: Call): Promise<Answer> {
    const { args, stop } = call;
    const part = { path: args.path('path'), leavesAt: args.number('leavesAt'), ref: args.ref('ref') };
    const onProgress = (progress: FetchProgress): void => this.progress(call, progress);
    return { ok: await this.depot.putPart(part, { signal: stop.signal, onProgress }) };
  },
  async readLogProof(this: Client, call: Call): Promise<Answer> {
    const { args } = call;
    const proof = await this.depot.readLogProof(parseCoreKey(args.text('key')), args.number('from'));
    await this.stream(call, one(proof));
    return {};
  },
  async putLogProof(this: Client, { args }: Call): Promise<Answer> {
    const range = { path: args.path('path'), offset: args.number('offset'), length: args.number('length') };
    return { ok: await this.depot.putLogProof(range) };
  },
  async createLog(this: Client, { args }: Call): Promise<Answer> {
    return { ok: await this.depot.createLog(args.text('name')) };
  },
  async openLog(this: Client, { args }: Call): Promise<Answer> {
    const log = await this.depot.openLog(parseCoreKey(args.text('key')), { offline: args.flag('offline') });
    return { ok: { log: this.addLog(log), length: log.length, writable: log.writable } };
  },
  async logAppend(this: Client, call: Call): Promise<Answer> {
    const log = this.log(call);
    await log.append(call.args.split('sizes', call.body));
    return { ok: { length: log.length } };
  },
  async logGet(this: Client, call: Call): Promise<Answer> {
    const log = this.log(call);
    const body = await log.get(call.args.number('index'), call.args.wait(call.stop.signal));
    return { ok: { length: log.length }, body };
  },
  async logRefresh(this: Client, call: Call): Promise<Answer> {
    return { ok: await this.log(call).refresh(call.args.wait(call.stop.signal)) };
  },
  async logClose(this: Client, call: Call): Promise<Answer> {
    await this.closeLog(call);
    return {};
  },
  async join(this: Client, { args }: Call): Promise<Answer> {
    await this.depot.join(args.keys('keys'));
    return {};
  },
  async addPeers(this: Client, { args }: Call): Promise<Answer> {
    await this.depot.addPeers(args.list('peers').map((peer) => parsePeerAddress(String(peer))));
    return {};
  },
  async removePeers(this: Client, { args }: Call): Promise<Answer> {
    await this.depot.removePeers(args.keys('keys'));
    return {};
  },
  async peers(this: Client): Promise<Answer> {
    const peers = await this.depot.peers();
    return {
      ok: peers.map(({ key, host, port, ...rest }) => ({
        ...rest,
        peer: formatPeerAddress({ key, host, port }),
      })),
    };
  },
  async status(this: Client): Promise<Answer> {
    return { ok: { ...(await this.depot.status()), ...this.facts, daemon: true } };
  },
  async holdings(this: Client, call: Call): Promise<Answer> {
    await this.stream(call, encodeHoldings(await this.depot.holdings()));
    return {};
  },
  async seeders(this: Client, { args }: Call): Promise<Answer> {
    return { ok: await this.depot.seeders(args.keys('keys')) };
  },
};

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
