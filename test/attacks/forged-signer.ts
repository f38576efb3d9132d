/** Roots whose signatures may say anything: any date, hash, type and notation, as nobody's tools would let them. */
import { PublicKey, type Signer } from '../../trust/index.js';
import { signerOf, type TestSigner } from '../index-repo/support.js';
import { makeSignature, type Claims, type ForgedKey } from '../trust/forge.js';

/** A signer that can lie. */
export interface ForgedSigner extends TestSigner {
  saying(claims: Claims): Signer;
}

/** A signer from an open key. */
export async function forgedSigner(key: ForgedKey): Promise<ForgedSigner> {
  const honest = signerOf(key.secret, await PublicKey.parse(key.publicKey), 'Mallory');
  const saying = (claims: Claims): Signer => ({
    ...honest,
    sign: (bytes) => makeSignature(key, bytes, claims),
  });
  return { ...honest, at: (date) => saying({ date }), saying };
}
