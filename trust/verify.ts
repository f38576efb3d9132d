/**
 * Detached signatures over exact bytes: one armoured block, one version 4 packet, binary mode, a strong hash, made by a
 * key that is neither expired nor revoked at `now`. The signature's own date is never the clock: whoever holds an
 * expired or stolen key can write any date into it.
 *
 * Order: form, hash, who, cryptography, then what the dates say; so no message speaks of a date that nobody signed.
 */
import { GtpkgError, limits, type ErrorCode, type Fingerprint } from '../model/index.js';
import { dearmorSignature } from './armor.js';
import { isStrongHash } from './algorithms.js';
import type { SigningKey } from './describe.js';
import type { PublicKey } from './keys.js';
import { isSignedNatively } from './native.js';
import { readPackets, TAG, type Packet } from './packets.js';
import { readSignatureFields, TYPE, type SignatureFields } from './signature.js';

/** What is to be checked, against which keys, at what time. */
export interface VerifyOptions {
  /** the exact bytes that were signed */
  readonly signed: Uint8Array;
  /** one armoured detached signature */
  readonly signature: string;
  /** the keys that may have made it */
  readonly keys: readonly PublicKey[];
  /** the time at which the key must be good */
  readonly now: Date;
  /**
   * When somebody else, whom we trust, took the signature up: a key that expired, or was retired (revoked softly), after that may
   * have made it. Its holder cannot choose this date. Absent: as `now`.
   */
  readonly listed?: Date | undefined;
}

/** Who signed. */
export interface VerifiedSignature {
  /** PRIMARY fingerprint of the signer: what trust is counted in */
  readonly signer: Fingerprint;
  /** fingerprint of the key or subkey that made the signature */
  readonly issuer: string;
  /** when the signature says it was made */
  readonly created: Date;
}

function refuse(code: ErrorCode, message: string, data: Record<string, unknown> = {}): GtpkgError {
  return new GtpkgError(code, message, { data });
}

const malformed = (what: string, cause?: unknown): GtpkgError =>
  new GtpkgError('SIGNATURE_MALFORMED', `not a signature as it must be: ${what}`, { cause });

/** The packets of an armoured block, as many as `max`. @throws GtpkgError SIGNATURE_MALFORMED */
export function signaturePackets(text: string, max: number): readonly Packet[] {
  if (text.length > limits.MAX_SIGNATURE) throw malformed(`larger than ${limits.MAX_SIGNATURE} bytes`);
  try {
    const packets = readPackets(dearmorSignature(text), max);
    if (packets.length === 0 || packets.some(({ tag }) => tag !== TAG.signature))
      throw new Error('something else than signature packets');
    return packets;
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
}

/** Reads one signature packet of type `type`. @throws GtpkgError SIGNATURE_MALFORMED */
function readSignature({ body }: Packet, type: number): SignatureFields {
  let fields: SignatureFields;
  try {
    fields = readSignatureFields(body);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  if (fields.type !== type) throw malformed(`signature type ${fields.type}, ${type} is expected`);
  if (fields.unknownCritical !== undefined) throw malformed(`an unknown critical ${fields.unknownCritical}`);
  if (fields.embedded !== undefined || !fields.tight)
    throw malformed('parts that a signature over data does not have');
  const { issuerId, issuerFingerprint } = fields;
  if (issuerId === undefined && issuerFingerprint === undefined)
    throw malformed('it does not say who made it');
  if (issuerId !== undefined && issuerFingerprint !== undefined && !issuerFingerprint.endsWith(issuerId)) {
    throw malformed('it names two issuers');
  }
  return fields;
}

function claims({ issuerFingerprint, issuerId }: SignatureFields, key: SigningKey): boolean {
  return issuerFingerprint === undefined ? issuerId === key.keyId : issuerFingerprint === key.fingerprint;
}

/** What a signature packet is judged on: as VerifyOptions, and the type that it must have. */
export interface PacketOptions extends Omit<VerifyOptions, 'signature'> {
  readonly packet: Packet;
  readonly type: number;
}

/**
 * Checks one detached signature.
 * @throws GtpkgError SIGNATURE_MALFORMED, SIGNATURE_WEAK, SIGNER_UNKNOWN, SIGNATURE_BAD, SIGNATURE_FUTURE, SIGNER_REVOKED,
 *   SIGNER_EXPIRED; `data.issuer` names the key that the signature claims, where it could be read
 */
export async function verifyDetached(options: VerifyOptions): Promise<VerifiedSignature> {
  const [packet, second] = signaturePackets(options.signature, 2);
  if (packet === undefined || second !== undefined) throw malformed('not exactly one signature packet');
  return verifyPacket({ ...options, packet, type: TYPE.binary });
}

/** Checks one signature packet. @throws GtpkgError as verifyDetached */
export function verifyPacket(options: PacketOptions): VerifiedSignature {
  const { body } = options.packet;
  const fields = readSignature(options.packet, options.type);
  const issuer = fields.issuerFingerprint ?? fields.issuerId ?? '';
  if (!isStrongHash(fields.hash)) {
    throw refuse(
      'SIGNATURE_WEAK',
      `the signature by ${issuer} uses a hash that is too weak (algorithm ${fields.hash})`,
      { issuer },
    );
  }
  const claimed = options.keys.flatMap((owner) =>
    owner.signing.filter((key) => claims(fields, key)).map((key) => ({ owner, key })),
  );
  if (claimed.length === 0) {
    throw refuse('SIGNER_UNKNOWN', `signed by ${issuer}, which is none of the keys accepted here`, {
      issuer,
    });
  }
  for (const { owner, key } of claimed) {
    if (!isSignedNatively(key.packet, body, options.signed)) continue;
    const created = new Date(fields.created * 1000);
    checkTimes({ owner, key, fields, now: options.now, listed: options.listed });
    return { signer: owner.fingerprint, issuer: key.fingerprint, created };
  }
  throw refuse('SIGNATURE_BAD', `the signature that names ${issuer} does not fit what was signed`, {
    issuer,
  });
}

interface Times {
  readonly owner: PublicKey;
  readonly key: SigningKey;
  readonly fields: SignatureFields;
  readonly now: Date;
  readonly listed: Date | undefined;
}

function checkTimes({ owner, key, fields, now, listed }: Times): void {
  const { fingerprint: signer } = owner;
  const data = { signer, issuer: key.fingerprint };
  const at = Math.min(now.getTime(), listed?.getTime() ?? Infinity);
  const created = fields.created * 1000;
  // without somebody's word when it was listed, a revocation counts whatever its date and reason
  if (key.revoked && (listed === undefined || key.retired === undefined || key.retired.getTime() <= at))
    throw refuse('SIGNER_REVOKED', `signed with a key of ${signer} that has been revoked`, data);
  if (key.expires !== undefined && key.expires.getTime() <= at) {
    throw refuse(
      'SIGNER_EXPIRED',
      `signed with a key of ${signer} that expired on ${key.expires.toISOString()}`,
      data,
    );
  }
  if (key.weakFrom !== undefined && key.weakFrom.getTime() <= at) {
    throw refuse(
      'SIGNATURE_WEAK',
      `signed with a key of ${signer} whose algorithm is refused since ${key.weakFrom.toISOString().slice(0, 10)}`,
      { ...data, since: key.weakFrom.toISOString() },
    );
  }
  // signing and listing take time, and a signature may be younger than what the listing says: only now counts here
  const latest = now.getTime() + limits.CLOCK_SKEW;
  if (created > latest || key.created.getTime() > latest) {
    throw refuse(
      'SIGNATURE_FUTURE',
      `the signature by ${signer} is dated ${new Date(created).toISOString()}, in the future`,
      data,
    );
  }
  if (created < key.created.getTime()) {
    throw refuse('SIGNATURE_BAD', `the signature by ${signer} is dated before its key was made`, data);
  }
  if (fields.expiresIn !== 0 && created + fields.expiresIn * 1000 <= at) {
    throw refuse('SIGNATURE_BAD', `the signature by ${signer} was good until a date that has passed`, data);
  }
}
