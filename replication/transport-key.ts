/**
 * The key pair under which this node is known to peers: `<home>/transport.key`, 32 bytes of Ed25519 seed, mode 0600.
 * It proves who is at the other end of a connection and nothing else; packages are trusted through OpenPGP only.
 */
import { join } from 'node:path';
import type { KeyPair } from 'hypercore';
import crypto from 'hypercore-crypto';
import { GtpkgError } from '../model/index.js';
import { readSmall, writeAtomic } from './disk.js';

const SEED_BYTES = 32;

/** Reads the node's key pair, or makes it. Call only while holding the store's lock. @throws GtpkgError IO_ERROR */
export async function transportKeyPair(home: string): Promise<KeyPair> {
  const path = join(home, 'transport.key');
  let seed = await readSmall(path, 1024);
  if (seed === undefined) {
    seed = crypto.randomBytes(SEED_BYTES);
    await writeAtomic(path, seed, 0o600);
  }
  if (seed.byteLength !== SEED_BYTES) {
    throw new GtpkgError('IO_ERROR', `${path} is damaged`, {
      hint: 'Remove it: this node then gets a new transport key, and no package is lost.',
    });
  }
  return crypto.keyPair(seed);
}
