/**
 * Signed assertions. The signature covers the bytes from the first field through the newline before `Signature:`, followed by the name of the
 * algorithm with its colon (RFC 2704 §4.6.7); the algorithm is OpenPGP:
 *
 *     principal:  pgp:<primary fingerprint, lower case>
 *     signature:  sig-pgp:<base64 of one detached binary signature, RFC 9580>
 *
 * `Credential` is what verified; nothing else makes one. What is signed is read as bytes before it is believed.
 */
import { GtpkgError, parseFingerprint, type Fingerprint } from '../../model/index.js';
import { armor, dearmorSignature } from '../armor.js';
import type { PublicKey } from '../keys.js';
import type { Signer } from '../signer.js';
import { verifyDetached } from '../verify.js';
import { parseAssertions } from './assertion.js';
import type { Assertion } from './syntax.js';

const ALGORITHM = 'sig-pgp:';

declare const verified: unique symbol;

/** An assertion that its authorizer signed, with a key that was good when it was looked at. */
export type Credential = Assertion & { readonly [verified]: true };

/** The principal that a key is. */
export function principalOf(fingerprint: string): string {
  return `pgp:${fingerprint.toLowerCase()}`;
}

/** The key that a principal is; undefined for any other principal, also for one in another spelling. */
export function keyOf(principal: string): Fingerprint | undefined {
  const [, hex] = /^pgp:([0-9a-f]{40})$/.exec(principal) ?? [];
  return hex === undefined ? undefined : parseFingerprint(hex);
}

/**
 * Checks an assertion's signature.
 * @param keys - of which the authorizer must be one; their expiry and revocation are judged at `now`
 * @throws GtpkgError SIGNATURE_MISSING, SIGNATURE_*, SIGNER_*
 */
export async function verifyCredential(
  assertion: Assertion,
  { keys, now }: { readonly keys: readonly PublicKey[]; readonly now: Date },
): Promise<Credential> {
  const { authorizer, signature, where, text } = assertion;
  const fingerprint = keyOf(authorizer);
  if (fingerprint === undefined)
    throw new GtpkgError(
      'SIGNER_UNKNOWN',
      `${where}: "${authorizer}" cannot sign an assertion; only a key pgp:… can`,
      {
        data: { where, authorizer },
      },
    );
  if (signature === undefined)
    throw new GtpkgError('SIGNATURE_MISSING', `${where}: the assertion is not signed`, { data: { where } });
  await verifyDetached({
    signed: signedBytes(text.slice(0, signature.start)),
    signature: armored(signature.value, where),
    keys: keys.filter((key) => key.fingerprint === fingerprint),
    now,
  });
  return assertion as Credential;
}

/**
 * Signs an assertion that has no signature yet.
 * @returns its bytes with the signature
 * @throws GtpkgError POLICY_MALFORMED, SIGNER_UNKNOWN when it says another authorizer; what signing throws
 */
export async function signAssertion(assertion: Assertion, signer: Signer): Promise<string> {
  const { authorizer, where, text, signature } = assertion;
  if (signature !== undefined)
    throw new GtpkgError('POLICY_MALFORMED', `${where}: the assertion is signed already`);
  if (authorizer !== principalOf(signer.fingerprint))
    throw new GtpkgError('SIGNER_UNKNOWN', `${where}: its Authorizer is not the key ${signer.fingerprint}`, {
      hint: `Write Authorizer: "${principalOf(signer.fingerprint)}", or sign with the key that it names.`,
      data: { where, authorizer },
    });
  const made = dearmorSignature(await signer.sign(signedBytes(text)));
  const signed = `${text}Signature: "${ALGORITHM}${made.toString('base64')}"\n`;
  const [again, ...others] = parseAssertions(signed, where).assertions;
  if (again === undefined || others.length > 0)
    throw new GtpkgError('INTERNAL', `${where}: the signed assertion does not parse`);
  await verifyCredential(again, { keys: [signer.publicKey], now: new Date() });
  return signed;
}

function signedBytes(text: string): Buffer {
  return Buffer.from(`${text}${ALGORITHM}`, 'latin1');
}

function armored(value: string, where: string): string {
  const base64 = value.startsWith(ALGORITHM) ? value.slice(ALGORITHM.length) : '';
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== base64)
    throw new GtpkgError('SIGNATURE_MALFORMED', `${where}: Signature is not "${ALGORITHM}" and base64`, {
      data: { where },
    });
  return armor('SIGNATURE', bytes);
}
