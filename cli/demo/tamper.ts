/**
 * Mallory: a seeder like any other, but for the releases it serves it changes one byte of every block on its way out.
 * Only the demo and the tests start it:  node dist/cli/demo/tamper.js HOME HOST:PORT[,…]
 */
import { createRequire } from 'node:module';
import { openDepot } from '../../replication/index.js';
import { formatPeerAddress } from '../../model/index.js';
import { Context, settingsFrom } from '../context.js';
import { listSources } from '../places.js';
import { untilStopped } from '../stop.js';

interface Proof {
  readonly block: { value: Buffer } | null;
}
interface Peer {
  readonly core: { readonly header: { readonly manifest: { readonly signers: readonly unknown[] } | null } };
  _fulfillRequest(request: { fulfill(): Promise<Proof | null> }, pushing: boolean): Promise<void>;
}

const [home = '', bootstrap = ''] = process.argv.slice(2);
const Replicator = createRequire(import.meta.url)('hypercore/lib/replicator.js') as {
  Peer: { prototype: Peer };
};
const honest = Replicator.Peer.prototype._fulfillRequest;

Replicator.Peer.prototype._fulfillRequest = function tampered(this: Peer, request, pushing): Promise<void> {
  // index cores are signed as logs and have signers; releases have none
  if (this.core.header.manifest?.signers.length !== 0) return honest.call(this, request, pushing);
  const fulfill = async (): Promise<Proof | null> => {
    const proof = await request.fulfill();
    if (proof === null || proof.block === null) return proof;
    const value = Buffer.from(proof.block.value);
    value[value.length >> 1] = (value[value.length >> 1] ?? 0) ^ 1;
    return { ...proof, block: { ...proof.block, value } };
  };
  return honest.call(this, Object.assign(Object.create(request) as typeof request, { fulfill }), pushing);
};

const settings = settingsFrom({ home, bootstrap: bootstrap.split(',').filter((part) => part !== '') }, {});
const depot = await openDepot({
  home,
  bootstrap: settings.bootstrap ?? [],
  server: true,
  mode: 'own',
  listen: { host: '127.0.0.1', port: 0 },
});
await depot.join((await listSources(new Context(settings))).map((source) => source.introduction.indexCore));
const { listening } = await depot.status();
process.stdout.write(
  `${JSON.stringify({ address: listening === undefined ? null : formatPeerAddress(listening) })}\n`,
);
await untilStopped();
await depot.close();
