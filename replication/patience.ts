/**
 * How long to wait for a first peer, and what to say when none came.
 *
 * Nothing below says "offline" by itself: hyperdht goes on asking for ever, and a dial to a dead address just takes its time.
 */
import { GtpkgError, limits } from '../model/index.js';
import type { Silence } from './contract.js';
import type { Swarm } from './swarm.js';

/** How long to go on without any connection when the whole patience is `timeout`: milliseconds since the start, or since the last one went. */
export function connectTime(swarm: Swarm, timeout: number): number {
  const patient = timeout > limits.TIMEOUT.idle ? timeout / 2 : 0; // who asks for more gets more
  if (!swarm.hasNetwork) return Math.min(timeout, limits.TIMEOUT.noNetwork);
  const first = swarm.links.connected === 0 && swarm.dht !== 'answering';
  return Math.min(timeout, Math.max(patient, first ? limits.TIMEOUT.silence : limits.TIMEOUT.connect));
}

/** Why nobody answered, in words. */
export function silence(swarm: Swarm): Silence {
  const facts = { connected: swarm.links.size, known: swarm.known, dht: swarm.dht };
  const name = 'name a peer with gtpkg peer add KEY@HOST:PORT';
  if (!swarm.hasNetwork) {
    const hint = 'Connect it and try again; with --offline gtpkg works with what is here.';
    return { code: 'OFFLINE', reason: 'no-network', message: 'this machine has no network', hint, ...facts };
  }
  const peers =
    facts.known === 0 ? 'no peer is known by address' : `none of ${facts.known} known peers answers`;
  const near = swarm.lan.length > 0 ? ', nor anybody on the local network' : '';
  if (facts.connected > 0) {
    const message = `${facts.connected} connected peer${facts.connected === 1 ? ' has' : 's have'} nothing of it`;
    const hint = `Try again when a seeder of it is there, or ${name}.`;
    return { code: 'NO_PEER', reason: 'nobody-serves', message, hint, ...facts };
  }
  if (facts.dht === 'silent') {
    const message = `no DHT node answers${near}, and ${peers}`;
    const hint = `Check the network and --bootstrap, or ${name}.`;
    return { code: 'NO_PEER', reason: 'dht-silent', message, hint, ...facts };
  }
  const hint = `Try again when a seeder is running, or ${name}.`;
  if (facts.dht === 'none') {
    const reason = facts.known === 0 ? 'nobody-known' : 'peers-silent';
    return { code: 'NO_PEER', reason, message: `${peers}${near}`, hint, ...facts };
  }
  const message = `the DHT knows nobody who can be reached${near}, and ${peers}`;
  return { code: 'NO_PEER', reason: 'nobody-found', message, hint, ...facts };
}

/** No connection came about. @param more - further sentences for the hint */
export function noPeer(swarm: Swarm, data: Record<string, unknown> = {}, more = ''): GtpkgError {
  const { code, message, hint, ...facts } = silence(swarm);
  const text = code === 'OFFLINE' ? message : `no peer could be reached: ${message}`;
  return new GtpkgError(code, text, { hint: `${hint} ${more}`.trim(), data: { ...facts, ...data } });
}
