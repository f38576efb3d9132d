/**
 * The daemon's side of the socket: answers the calls of other processes of this home with the depot given.
 * docs/formats/daemon-socket.md. Whoever can open the socket is the user; arguments are checked all the same.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { GtpkgError } from '../model/index.js';
import type { Depot, DepotService, ServiceFacts } from './contract.js';
import { Client } from './daemon-client.js';
import { removeSocket, socketPath } from './wire.js';

/** Commands at once; more wait for a free place. */
const MAX_CLIENTS = 64;

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
