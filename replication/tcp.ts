/**
 * Connections over TCP, where the other end can be reached that way: about twice as fast as UDX.
 *
 * Noise XX between the transport keys. Who dials refuses whoever does not prove the key that was dialled; who accepts knows the other's key
 * before anything else is said. A connection that has not come so far within HANDSHAKE ends; so do all beyond the bounds.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Connection, KeyPair } from 'hypercore';
import { limits, type Address } from '../model/index.js';
import { bindFailure, isLoopback } from './address.js';
import type { Secure } from './secure.js';

/** Both ends say they live this often, and give up after that much silence. */
const KEEP_ALIVE = 5_000;
const SILENCE = 30_000;

export interface TcpOptions {
  readonly keyPair: KeyPair;
  readonly secure: Secure;
}

/** Accepts connections. */
export class TcpServer {
  readonly #server: Server;
  readonly #pending = new Set<Socket>();
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /**
   * @param onconnection - gets connections whose other end has proven its key
   * @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS
   */
  static async listen(
    address: Address,
    options: TcpOptions,
    onconnection: (connection: Connection) => void,
  ): Promise<TcpServer> {
    const server = createServer({ noDelay: true });
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    }).catch((cause: unknown) => {
      throw bindFailure(address, cause);
    });
    const tcp = new TcpServer(server, port);
    server.on('error', () => undefined); // of one connection that could not be accepted
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      if (!tcp.#admits(socket)) {
        socket.destroy();
        return;
      }
      tcp.#pending.add(socket);
      void shake(socket, false, options).then((connection) => {
        tcp.#pending.delete(socket);
        if (connection !== undefined) onconnection(connection);
      });
    });
    return tcp;
  }

  #admits({ remoteAddress: host }: Socket): boolean {
    if (host === undefined || this.#pending.size >= limits.MAX_HANDSHAKES) return false;
    if (isLoopback(host)) return true;
    let same = 0;
    for (const { remoteAddress } of this.#pending) if (remoteAddress === host) same++;
    return same < limits.MAX_HANDSHAKES_PER_HOST;
  }

  /** Takes no more; connections that stand are their owner's. */
  close(): void {
    this.#server.close();
    for (const socket of this.#pending) socket.destroy();
  }
}

/** A connection to the owner of `publicKey` at an address; undefined when there is none within HANDSHAKE. */
export async function dialTcp(
  { host, port }: Address,
  publicKey: Buffer,
  options: TcpOptions & { readonly signal: AbortSignal },
): Promise<Connection | undefined> {
  if (options.signal.aborted) return undefined;
  const socket = connect({ host, port, family: 4, noDelay: true });
  socket.on('error', () => undefined);
  const stop = (): void => void socket.destroy();
  options.signal.addEventListener('abort', stop);
  try {
    const connection = await shake(socket, true, options);
    if (connection === undefined) return undefined;
    if (!options.signal.aborted && connection.remotePublicKey.equals(publicKey)) return connection;
    connection.destroy();
    return undefined;
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

/** Whether anybody takes TCP connections at an address. */
export function answersTcp({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, family: 4, timeout: limits.TIMEOUT.handshake });
    const settle = (answer: boolean): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.on('connect', () => settle(true));
    socket.on('error', () => settle(false));
    socket.on('timeout', () => settle(false));
  });
}

async function shake(
  socket: Socket,
  isInitiator: boolean,
  { keyPair, secure }: TcpOptions,
): Promise<Connection | undefined> {
  const connection = secure(isInitiator, socket, { keyPair, keepAlive: KEEP_ALIVE });
  connection.on('error', () => undefined);
  const timer = setTimeout(() => connection.destroy(), limits.TIMEOUT.handshake);
  const opened = await connection.opened;
  clearTimeout(timer);
  if (!opened || connection.destroying) return undefined;
  connection.setTimeout(SILENCE);
  return connection;
}
