/**
 * Which algorithms may sign, and until when. Pure.
 *
 * Refused whatever the date: MD5, SHA-1, RIPEMD-160, SHA-224 in any signature, self-signatures included; DSA, ElGamal, RSA below
 * MIN_RSA_BITS, curves other than those below. What will be refused has a date here, and is warned of WEAK_WARNING ahead.
 * Dates: NIST SP 800-57 part 1 (112 bits of strength end with 2030).
 */
import { limits } from '../model/index.js';
import { ALGORITHM, type KeyMaterial } from './packets.js';

// Brainpool curves are sound, but openpgp 6.3 needs a package for them that it does not bring.
const CURVES = new Set([
  '2b06010401da470f01', // Ed25519
  '2a8648ce3d030107', // NIST P-256
  '2b81040022', // NIST P-384
  '2b81040023', // NIST P-521
]);

/** Why a key is too weak to sign, or undefined when it is not. */
export function weakness({ algorithm, bits, curve }: KeyMaterial): string | undefined {
  switch (algorithm) {
    case ALGORITHM.rsa:
    case ALGORITHM.rsaSign:
      if (bits < limits.MIN_RSA_BITS) return `RSA with ${bits} bits, ${limits.MIN_RSA_BITS} are needed`;
      return bits > limits.MAX_RSA_BITS
        ? `RSA with ${bits} bits, more than ${limits.MAX_RSA_BITS}`
        : undefined;
    case ALGORITHM.ecdsa:
    case ALGORITHM.eddsaLegacy:
      return CURVES.has(curve)
        ? undefined
        : 'an elliptic curve other than Ed25519 and NIST P-256, P-384, P-521';
    case ALGORITHM.dsa:
      return 'DSA';
    default:
      return `algorithm ${algorithm} can not sign`;
  }
}

/** When a key that is accepted today begins to be refused; undefined: no such date is set. */
export function endsOn({ algorithm, bits }: KeyMaterial): Date | undefined {
  const isRsa = algorithm === ALGORITHM.rsa || algorithm === ALGORITHM.rsaSign;
  return isRsa && bits < limits.LATER_RSA_BITS ? limits.LATER_RSA_DATE : undefined;
}

/** Whether it is time to tell of a date after which something is refused. */
export function isNear(date: Date | undefined, now: Date): boolean {
  return date !== undefined && date.getTime() - now.getTime() <= limits.WEAK_WARNING;
}

/** SHA-256, SHA-384, SHA-512: what gpg 2.2 has and nobody breaks. */
export function isStrongHash(hash: number): boolean {
  return hash >= 8 && hash <= 10;
}
