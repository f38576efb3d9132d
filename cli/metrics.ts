/**
 * Figures of a running seeder for Prometheus, over plain HTTP: `GET /metrics`, text format 0.0.4. They name no peer and no package.
 * Only on loopback unless the user names another address by hand; requests are small, few and short.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GtpkgError, systemCode, type Address } from '../model/index.js';
import type { Depot } from '../replication/index.js';
import type { Context } from './context.js';
import { metricsText, type SwarmFigures } from './render/metrics.js';
import { Listings } from './workflows/listed.js';
import { swarmFigures } from './workflows/status.js';

const BOUNDS = {
  /** bytes of a request's head */
  maxHeaderSize: 8192,
  /** ms for a whole request */
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
} as const;
/** Connections at once: a scraper or two. */
const MAX_CONNECTIONS = 16;
/** Figures are computed at most so often, ms. */
const FRESH = 1_000;

/** Serves until closed. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
export async function startMetrics(
  context: Context,
  address: Address,
  of: { depot(): Depot | undefined; readonly limit: number | undefined },
): Promise<{ readonly address: string; close(): Promise<void> }> {
  let figures: Promise<SwarmFigures> | undefined;
  const listings = new Listings(context);
  const fresh = (): Promise<SwarmFigures> => {
    if (figures === undefined) {
      const depot = of.depot();
      if (depot === undefined) throw new GtpkgError('HOME_BUSY', 'the store is closed');
      figures = swarmFigures({ depot, listings, limit: of.limit });
      const forget = (): void => void setTimeout(() => (figures = undefined), FRESH).unref();
      figures.then(forget, forget);
    }
    return figures;
  };
  const server = createServer(BOUNDS, (request, response) => void answer(request, response, fresh));
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://${address.host}:${port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  figures: () => Promise<SwarmFigures>,
): Promise<void> {
  request.resume();
  const { method, url = '' } = request;
  const say = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
    response.end(method === 'HEAD' ? '' : text);
  };
  if (url.split('?')[0] !== '/metrics') return say(404, 'There is only /metrics.\n');
  if (method !== 'GET' && method !== 'HEAD')
    return say(405, 'Only GET is answered.\n', { allow: 'GET, HEAD' });
  try {
    say(200, metricsText(await figures()), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  } catch {
    say(503, 'The store cannot be read now.\n');
  }
}

function listen(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        systemCode(cause) === 'EADDRINUSE'
          ? new GtpkgError('ADDRESS_IN_USE', `${host}:${port} is in use`, {
              hint: 'Choose another port for --metrics; 0 takes any free one.',
              cause,
            })
          : new GtpkgError('BAD_ADDRESS', `cannot listen on ${host}:${port}`, {
              hint: 'Choose an address of this machine for --metrics.',
              cause,
            }),
      ),
    );
    server.listen(port, host, () => resolve());
  });
}
