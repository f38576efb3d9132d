/** The peers that this home remembers and dials directly. */
import { formatPeerAddress, GtpkgError, parseCoreKey, parsePeerAddress } from '../../model/index.js';
import type { Context } from '../context.js';

/** A stored peer as the command line shows it. */
export interface StoredPeer {
  /** KEY@HOST:PORT */
  readonly peer: string;
  readonly key: string;
  /** `user`: named by hand or in an introduction; `seen`: met in the swarm */
  readonly origin: 'user' | 'seen';
  readonly refusedUntil: string | null;
}

/** @throws GtpkgError BAD_ADDRESS */
export async function addPeer(context: Context, text: string): Promise<StoredPeer> {
  const peer = parsePeerAddress(text);
  await (await context.depot({ local: true })).addPeers([peer]);
  return { peer: formatPeerAddress(peer), key: peer.key, origin: 'user', refusedUntil: null };
}

/** All of them. */
export async function listPeers(context: Context): Promise<StoredPeer[]> {
  const peers = await (await context.depot({ local: true })).peers();
  return peers.map((peer) => ({
    peer: formatPeerAddress(peer),
    key: peer.key,
    origin: peer.origin,
    refusedUntil: peer.refusedUntil ?? null,
  }));
}

/** @throws GtpkgError PEER_NOT_FOUND, BAD_NAME */
export async function removePeer(context: Context, text: string): Promise<StoredPeer> {
  const key = parseCoreKey(text.split('@', 1)[0] ?? '');
  const found = (await listPeers(context)).find((peer) => peer.key === key);
  if (found === undefined)
    throw new GtpkgError('PEER_NOT_FOUND', `no stored peer has the key ${key}`, {
      hint: 'gtpkg peer list shows them.',
    });
  await (await context.depot({ local: true })).removePeers([key]);
  return found;
}
