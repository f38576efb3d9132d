/**
 * Clear-signed text (RFC 9580 §7), as apt's InRelease is: the text, dash-escaped, with one armoured block of signatures behind it. Read strictly: the
 * whole input is that one message, every line that begins with a dash is escaped, and what comes out is the text that was signed, nothing else.
 *
 * White space at the ends of lines is not signed, nor are line ends: neither is in `text`. Each signature gets a verdict of its own;
 * how many are needed is the caller's to say. Order: form, then each signature as verify.ts judges it.
 */
import { GtpkgError, limits } from '../model/index.js';
import type { PublicKey } from './keys.js';
import { TYPE } from './signature.js';
import { signaturePackets, verifyPacket, type VerifiedSignature } from './verify.js';

/** One signature's verdict. */
export type SignatureVerdict =
  | { readonly ok: true; readonly signature: VerifiedSignature }
  | { readonly ok: false; readonly error: GtpkgError };

/** What a clear-signed message says, and who signed it. */
export interface ClearSigned {
  /** the signed text, lines ended by "\n"; byte string */
  readonly text: string;
  /** in the order in which they stand there; at least one */
  readonly signatures: readonly SignatureVerdict[];
}

const HEAD = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';

const malformed = (what: string): GtpkgError =>
  new GtpkgError('SIGNATURE_MALFORMED', `not a clear-signed text as it must be: ${what}`);

// The text and the armour behind it, both still as they stand there.
function split(input: string): { readonly lines: readonly string[]; readonly armor: string } {
  const lines = input.replaceAll('\r\n', '\n').split('\n');
  if (lines.shift() !== HEAD) throw malformed('it does not start with the message');
  const empty = lines.indexOf('');
  const headers = lines.splice(0, empty + 1).slice(0, -1);
  // §6.2.2.1: Hash says what signatures say themselves; nothing else may stand there (NotDashEscaped would change the text)
  if (empty < 0 || headers.some((line) => !/^Hash: [A-Z0-9-]+(?:, ?[A-Z0-9-]+)*$/.test(line)))
    throw malformed('a header other than Hash');
  const end = lines.indexOf(SIGNATURE);
  if (end < 0) throw malformed('there is no signature');
  return { lines: lines.slice(0, end), armor: lines.slice(end).join('\n') };
}

/**
 * Reads a clear-signed text and checks each of its signatures.
 * @param input - byte string or bytes; the whole of a file
 * @throws GtpkgError SIGNATURE_MALFORMED when it is not exactly one such message, LIMIT_EXCEEDED
 */
export function verifyClearSigned(
  input: string | Uint8Array,
  options: { readonly keys: readonly PublicKey[]; readonly now: Date },
): ClearSigned {
  if (input.length > limits.MAX_CLEAR_SIGNED)
    throw new GtpkgError(
      'LIMIT_EXCEEDED',
      `a clear-signed text of more than ${limits.MAX_CLEAR_SIGNED} bytes`,
    );
  const whole = typeof input === 'string' ? input : Buffer.from(input).toString('latin1');
  const { lines, armor } = split(whole);
  const plain = lines.map((line) => {
    if (line.startsWith('-') && !line.startsWith('- ')) throw malformed('a line that begins with a dash');
    return (line.startsWith('- ') ? line.slice(2) : line).replace(/[ \t\r]+$/, '');
  });
  // §5.2.4: a text signature covers CRLF line ends; §7.1: the last one is not covered
  const signed = Buffer.from(plain.join('\r\n'), 'latin1');
  const signatures = signaturePackets(armor, limits.MAX_CLEAR_SIGNATURES).map((packet): SignatureVerdict => {
    try {
      return { ok: true, signature: verifyPacket({ ...options, signed, packet, type: TYPE.text }) };
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      return { ok: false, error };
    }
  });
  return { text: plain.map((line) => `${line}\n`).join(''), signatures };
}
