/**
 * A depot in a process of its own, driven over IPC by world.ts: one message is one method call.
 */
import { createRequire } from 'node:module';
import type { CoreKey } from '../../model/index.js';
import {
  openDepot,
  serveDepot,
  type Closable,
  type Depot,
  type OpenOptions,
} from '../../replication/index.js';
import { GtpkgError } from '../../model/index.js';

const { daemon, ...options } = JSON.parse(process.argv[2] ?? '{}') as OpenOptions & { daemon?: boolean };
const opened = open();

async function open(): Promise<{ depot: Depot; service: Closable | undefined }> {
  const depot = await openDepot(daemon === true ? { ...options, mode: 'own' } : options);
  return { depot, service: daemon === true ? await serveDepot(depot, options.home) : undefined };
}

process.on('disconnect', () => process.exit());
process.on('message', (message: { id: number; name: string; args: unknown[] }) => {
  const { id, name, args } = message;
  call(name, args).then(
    (ok) => process.send?.({ id, ok: ok ?? null }),
    (error: unknown) =>
      process.send?.({
        id,
        error: { code: error instanceof GtpkgError ? error.code : 'INTERNAL', message: String(error) },
      }),
  );
});

async function call(name: string, args: unknown[]): Promise<unknown> {
  const { depot, service } = await opened;
  if (name === 'ready') return null;
  if (name === 'loaded')
    return Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes(String(args[0])));
  if (name === 'close') {
    await service?.close();
    await depot.close();
    setImmediate(() => process.disconnect());
    return null;
  }
  if (name === 'append') {
    const log = await depot.openLog(args[0] as CoreKey);
    await log.append((args[1] as string[]).map((text) => Buffer.from(text)));
    const { length } = log;
    await log.close();
    return length;
  }
  return (depot[name as keyof Depot] as (...args: unknown[]) => unknown).apply(depot, args);
}
