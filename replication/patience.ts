/**
 * How long to wait for peers, and what to say when none came.
 */
import { GtpkgError, limits } from '../model/index.js';
import type { Swarm } from './swarm.js';

/** How long to look for a first peer when the whole patience is `timeout`. */
export function connectTime(timeout: number): number {
  return timeout > limits.TIMEOUT.idle
    ? Math.max(limits.TIMEOUT.connect, timeout / 2)
    : Math.min(timeout, limits.TIMEOUT.connect);
}

/** No connection came about. */
export function noPeer(swarm: Swarm, data: Record<string, unknown> = {}): GtpkgError {
  const silent = swarm.dht === 'silent';
  return new GtpkgError(
    'NO_PEER',
    silent ? 'no peer could be reached, and no DHT node answered' : 'no peer could be reached',
    {
      hint: silent
        ? 'Check the network and --bootstrap, or name a peer with gtpkg peer add KEY@HOST:PORT.'
        : 'Try again when a seeder is running, or name a peer with gtpkg peer add KEY@HOST:PORT.',
      data: { dht: swarm.dht, ...data },
    },
  );
}
