/**
 * The calls of the daemon socket, by name: each reads its arguments, asks the depot, gives the answer. docs/formats/daemon-socket.md.
 */
import { formatPeerAddress, parseCoreKey, parsePeerAddress } from '../model/index.js';
import type { FetchProgress } from './contract.js';
import { encodeHoldings, encodeParts, encodeRef } from './daemon-arguments.js';
import type { Answer, Call, Client } from './daemon-client.js';

/** The calls, by name. `this` is the client. */
export const HANDLERS = {
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
        first: args.optional('first'),
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
  async notices(this: Client, call: Call): Promise<Answer> {
    const { args } = call;
    const found = await this.depot.notices(parseCoreKey(args.text('key')), args.number('timeout'));
    await this.stream(call, encodeParts(found));
    return {};
  },
  async putNotice(this: Client, { args, body }: Call): Promise<Answer> {
    return { ok: await this.depot.putNotice(parseCoreKey(args.text('key')), body, args.number('timeout')) };
  },
  async dropNotices(this: Client, { args }: Call): Promise<Answer> {
    await this.depot.dropNotices(parseCoreKey(args.text('key')), args.list('ids').map(String));
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
