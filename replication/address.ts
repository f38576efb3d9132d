/**
 * Addresses to listen on: resolved, and tried before a DHT node is made there (one that cannot bind leaves timers behind).
 * UDP and TCP over IPv4.
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatAddress, GtpkgError, systemCode, type Address } from '../model/index.js';

const ANY = '0.0.0.0';
const LOOPBACK_BROADCAST = '127.255.255.255';
/** Ports looked at until one is free for both UDP and TCP. */
const TRIES = 8;

/** True for addresses that never leave the machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** How far an IPv4 address reaches: 0 this machine, 1 this network, 2 everywhere; undefined: nobody can be dialled there. */
export function reachOf(host: string): 0 | 1 | 2 | undefined {
  const [a = 0, b = 0] = host.split('.').map(Number);
  if (a === 127) return 0;
  if (a === 0 || a >= 224) return undefined;
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return 1;
  return (a === 169 && b === 254) || (a === 100 && b >= 64 && b < 128) ? 1 : 2;
}

/**
 * Whether a peer at `teller` may tell somebody to dial `host`: nobody from outside may point at a machine's own
 * ports or into its network, nor does it help anybody outside to know them.
 */
export function mayTell(teller: string, host: string): boolean {
  const [from, to] = [reachOf(teller), reachOf(host)];
  return from !== undefined && to !== undefined && to >= from;
}

/** An address that can be bound right now: its host an IPv4 address, its port found when it was 0. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
export async function bindable(address: Address): Promise<Address> {
  const found = await lookup(address.host, { family: 4 }).catch(() => undefined);
  if (found?.family !== 4) {
    throw new GtpkgError('BAD_ADDRESS', `"${address.host}" has no IPv4 address`, {
      hint: 'Peers are reached over IPv4; give an IPv4 address or a name that has one.',
    });
  }
  const group = found.address === LOOPBACK_BROADCAST || reachOf(found.address) === undefined;
  if (group && found.address !== ANY) {
    throw new GtpkgError('BAD_ADDRESS', `${found.address} is the address of a group, not of one machine`, {
      hint: 'Give an address of this machine.',
    });
  }
  for (let tries = 1; ; tries++) {
    try {
      const port = await bindUdp(found.address, address.port);
      // a free port is wanted for TCP too; one that was named is tried by whoever listens there
      if (address.port !== 0 || tries === TRIES || (await freeTcp(found.address, port)))
        return { host: found.address, port };
    } catch (cause) {
      throw bindFailure(address, cause);
    }
  }
}

async function bindUdp(host: string, port: number): Promise<number> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: host, port, exclusive: true }, resolve);
    });
    return socket.address().port;
  } finally {
    socket.close();
  }
}

function freeTcp(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** What others dial when we listen on `host`: itself, or the machine's first address in a network for 0.0.0.0. */
export function reachableHost(host: string): string {
  if (host !== ANY) return host;
  for (const list of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of list ?? [])
      if (family === 'IPv4' && !internal) return address;
  }
  return '127.0.0.1';
}

/** What binding a socket threw. */
export function bindFailure(address: Address, cause: unknown): GtpkgError {
  const where = formatAddress(address);
  if (systemCode(cause) === 'EADDRINUSE') {
    return new GtpkgError('ADDRESS_IN_USE', `${where} is in use`, {
      hint: 'Choose another port.',
      data: { address: where },
      cause,
    });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new GtpkgError('BAD_ADDRESS', `cannot listen on ${where}: ${text}`, {
    hint: 'Give an address of this machine.',
    cause,
  });
}
