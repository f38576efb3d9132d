/** OpenPGP keys, signatures and the keyring. Nothing here decides whom to trust: that is the index's and the policy's. */
export { generateKey, PublicKey, type GeneratedKey, type GenerateOptions } from './keys.js';
export { verifyDetached, type VerifiedSignature, type VerifyOptions } from './verify.js';
export { verifyClearSigned, type ClearSigned, type SignatureVerdict } from './cleartext.js';
export { readKeyring, type Keyring } from './keyring.js';
export { isNear } from './algorithms.js';
export { REVOCATION_REASONS, type RevocationReason } from './revoke.js';
export { KeyStore, type KeyInfo } from './keystore.js';
export type { AskPassphrase, Signer } from './signer.js';
