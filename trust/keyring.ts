/**
 * Several keys in one file, as `gpg --export` and Debian's keyrings have them: packets in a row, or one armoured block. Each key is judged by
 * itself; one that is weak or malformed does not take the others with it.
 */
import { GtpkgError, limits } from '../model/index.js';
import { dearmorKey } from './armor.js';
import { PublicKey } from './keys.js';
import { readPackets, TAG, writePacket, type Packet } from './packets.js';

/** The usable keys of a keyring, and why the others are not. */
export interface Keyring {
  readonly keys: readonly PublicKey[];
  readonly refused: readonly GtpkgError[];
}

/**
 * Reads public keys.
 * @throws GtpkgError KEY_MALFORMED when it is no sequence of keys, LIMIT_EXCEEDED
 */
export async function readKeyring(input: Uint8Array): Promise<Keyring> {
  if (input.length > limits.MAX_KEYRING)
    throw new GtpkgError('LIMIT_EXCEEDED', `a keyring of more than ${limits.MAX_KEYRING} bytes`);
  const groups: Packet[][] = [];
  try {
    const bytes = Buffer.from(input);
    const data = (bytes[0] ?? 0) & 0x80 ? bytes : dearmorKey(bytes.toString('latin1')).data;
    for (const packet of readPackets(data, limits.MAX_KEYRING_PACKETS)) {
      if (packet.tag === TAG.publicKey) groups.push([packet]);
      else if (groups.at(-1) === undefined) throw new Error('it does not start with a key');
      else groups.at(-1)?.push(packet);
    }
  } catch (cause) {
    throw new GtpkgError('KEY_MALFORMED', `not a keyring: ${(cause as Error).message}`, { cause });
  }
  const keys: PublicKey[] = [];
  const refused: GtpkgError[] = [];
  for (const packets of groups) {
    try {
      keys.push(await PublicKey.parse(Buffer.concat(packets.map(writePacket))));
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      refused.push(error);
    }
  }
  return { keys, refused };
}
