/**
 * An introduction: the one line a user must get from somebody they trust. docs/formats/introduction.md. Pure.
 *
 *     gtpkg://<index core key>[?peer=KEY@HOST:PORT&bootstrap=HOST:PORT]#<fingerprint>[+<fingerprint>…][;k=<threshold>]
 */
import { GtpkgError } from './errors.js';
import { parseCoreKey, parseFingerprint, type CoreKey, type Fingerprint } from './ids.js';
import { MAX_INTRODUCTION, MAX_ROOTS } from './limits.js';

/** Where something listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A peer that can be dialled without a DHT: its public key and where it listens. */
export interface PeerAddress extends Address {
  readonly key: CoreKey;
}

/** Root of trust for a source. `roots` and `threshold` are the trust; the rest only helps to find peers. */
export interface Introduction {
  readonly indexCore: CoreKey;
  readonly roots: readonly Fingerprint[];
  readonly threshold: number;
  readonly peers: readonly PeerAddress[];
  readonly bootstrap: readonly Address[];
}

/** `HOST:PORT`, `[IPv6]:PORT`. @throws GtpkgError BAD_ADDRESS */
export function parseAddress(text: string): Address {
  const match =
    /^(?:\[([0-9a-fA-F.]*:[0-9a-fA-F:.]*)\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)):([1-9]\d{0,4})$/.exec(
      text.trim(),
    );
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || host.length > 253 || port > 65535) {
    throw new GtpkgError('BAD_ADDRESS', `"${text.slice(0, 120)}" is not an address`, {
      hint: 'Write HOST:PORT, for example 127.0.0.1:49737.',
    });
  }
  return { host, port };
}

/** The address as parseAddress reads it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `KEY@HOST:PORT`. @throws GtpkgError BAD_ADDRESS */
export function parsePeerAddress(text: string): PeerAddress {
  const at = text.indexOf('@');
  try {
    if (at > 0) return { key: parseCoreKey(text.slice(0, at).trim()), ...parseAddress(text.slice(at + 1)) };
  } catch (cause) {
    throw new GtpkgError('BAD_ADDRESS', `"${text.slice(0, 160)}" is not a peer address`, {
      hint: 'Write KEY@HOST:PORT, as gtpkg seed prints it.',
      cause,
    });
  }
  throw new GtpkgError('BAD_ADDRESS', `"${text.slice(0, 160)}" is not a peer address`, {
    hint: 'Write KEY@HOST:PORT, as gtpkg seed prints it.',
  });
}

/** The peer as parsePeerAddress reads it. */
export function formatPeerAddress(peer: PeerAddress): string {
  return `${peer.key}@${formatAddress(peer)}`;
}

function bad(text: string, why: string): GtpkgError {
  return new GtpkgError('BAD_INTRODUCTION', `"${text.slice(0, 60)}…" is not an introduction: ${why}`, {
    hint: 'An introduction looks like gtpkg://<index core key>#<root fingerprint>; copy the whole line.',
  });
}

/** @throws GtpkgError BAD_INTRODUCTION, with the part that is wrong in the message */
export function parseIntroduction(line: string): Introduction {
  const text = line.trim();
  if (text.length > MAX_INTRODUCTION) throw bad(text, `longer than ${MAX_INTRODUCTION} characters`);
  const match = /^gtpkg:\/\/([^/?#]+)\/?(?:\?([^#]*))?#([^;]+)(?:;k=(\d{1,3}))?$/.exec(text);
  if (match === null)
    throw bad(
      text,
      text.startsWith('gtpkg://') && !text.includes('#')
        ? 'the root fingerprint after # is missing'
        : 'the form is wrong',
    );
  const [, key, query, fingerprints, k] = match as unknown as [
    string,
    string,
    string | undefined,
    string,
    string | undefined,
  ];
  try {
    const roots = fingerprints.split('+').map(parseFingerprint);
    const threshold = k === undefined ? 1 : Number(k);
    if (new Set(roots).size !== roots.length) throw bad(text, 'a fingerprint stands twice');
    if (roots.length > MAX_ROOTS) throw bad(text, `more than ${MAX_ROOTS} fingerprints`);
    if (threshold < 1 || threshold > roots.length)
      throw bad(text, `the threshold ${threshold} does not fit ${roots.length} fingerprints`);
    const peers: PeerAddress[] = [];
    const bootstrap: Address[] = [];
    for (const part of (query ?? '').split('&').filter((p) => p !== '')) {
      const equals = part.indexOf('=');
      const [name, value] = [part.slice(0, Math.max(equals, 0)), decodeURIComponent(part.slice(equals + 1))];
      if (name === 'peer') peers.push(parsePeerAddress(value));
      else if (name === 'bootstrap') bootstrap.push(parseAddress(value));
      // other hints are from a later version and never change whom we trust
    }
    return { indexCore: parseCoreKey(key), roots: [...roots].sort(), threshold, peers, bootstrap };
  } catch (cause) {
    if (cause instanceof GtpkgError && cause.code === 'BAD_INTRODUCTION') throw cause;
    throw bad(text, cause instanceof Error ? cause.message : 'the form is wrong');
  }
}

/** The canonical line. */
export function formatIntroduction(introduction: Introduction): string {
  const hints = [
    ...introduction.peers.map((peer) => `peer=${formatPeerAddress(peer)}`),
    ...introduction.bootstrap.map((address) => `bootstrap=${formatAddress(address)}`),
  ];
  const query = hints.length === 0 ? '' : `?${hints.join('&')}`;
  const k = introduction.threshold === 1 ? '' : `;k=${introduction.threshold}`;
  return `gtpkg://${introduction.indexCore}${query}#${[...introduction.roots].sort().join('+')}${k}`;
}
