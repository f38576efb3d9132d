/**
 * One peer of bench/transfer.ts: the smallest process that seeds, or downloads, as `gtpkg seed` and `gtpkg install` do.
 *
 * argv[2]: JSON. A seeder stores the file, says where it is, and waits; a client fetches and says how long it took from the moment it was told to
 * go until all is in the store. Talks over IPC; `stop` ends it with its peak memory and its bytes on the wire.
 */
import { readFileSync } from 'node:fs';
import type { Address, CoreKey, CoreRef, PeerAddress } from '../model/index.js';
import { openDepot, type Depot } from '../replication/index.js';

/** What a node is told to be. */
export interface NodeTask {
  readonly home: string;
  readonly listen?: Address;
  readonly upRate?: number;
}

/** Calls over IPC, and their answers. */
export interface NodeCalls {
  put(file: string): Promise<{ ref: CoreRef; topic: CoreKey; peer: PeerAddress }>;
  get(ref: CoreRef, topic: CoreKey, peer: PeerAddress): Promise<number>;
  stop(): Promise<{ peak: number; cpu: number; bytesIn: number; bytesOut: number }>;
}

let before = process.cpuUsage();

async function put(depot: Depot, file: string): ReturnType<NodeCalls['put']> {
  const ref = await depot.putStatic(file);
  const topic = await depot.createLog('main');
  await depot.join([topic]);
  const { listening } = await depot.status();
  before = process.cpuUsage();
  if (listening === undefined) throw new Error('a seeder must listen');
  return { ref, topic, peer: listening };
}

async function get(depot: Depot, ref: CoreRef, topic: CoreKey, peer: PeerAddress): Promise<number> {
  const started = performance.now();
  before = process.cpuUsage();
  await depot.join([topic]);
  await depot.addPeers([peer]);
  await depot.fetch([ref]);
  return (performance.now() - started) / 1000;
}

if (process.send !== undefined) {
  const task = JSON.parse(process.argv[2] ?? '{}') as NodeTask;
  const depot = await openDepot({ ...task, bootstrap: [], mode: 'own', timeout: 60_000 });
  const calls: Record<keyof NodeCalls, (...args: never[]) => Promise<unknown>> = {
    put: (file: string) => put(depot, file),
    get: (ref: CoreRef, topic: CoreKey, peer: PeerAddress) => get(depot, ref, topic, peer),
    stop: async () => {
      const { bytesIn, bytesOut } = await depot.status();
      const { user, system } = process.cpuUsage(before);
      await depot.close();
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
      return { peak: Number(peak) * 1024, cpu: (user + system) / 1e6, bytesIn, bytesOut };
    },
  };
  process.on('disconnect', () => process.exit());
  process.on('message', ({ name, args }: { name: keyof NodeCalls; args: never[] }) => {
    calls[name](...args).then(
      (answer) => process.send?.({ answer }, () => name === 'stop' && process.exit()),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.send({ answer: null });
}
