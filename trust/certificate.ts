/**
 * An OpenPGP key with its parts, without cryptography: packets put in their places, two copies merged, and what a
 * minimal certificate says. Pure.
 *
 * `groupPackets` sorts hostile packets and verifies nothing; minimize.ts verifies; `describe` is only sound for what came
 * out of there. The key store lists its own files with it and never loads openpgp.
 */
import { GtpkgError, limits, parseFingerprint, printable, type Fingerprint } from '../model/index.js';
import { ALGORITHM, readKeyMaterial, TAG, type KeyMaterial, type Packet } from './packets.js';
import { readSignatureFields, TYPE, type SignatureFields } from './signature.js';

/** A signature with its fields read. */
export interface ReadSignature {
  readonly packet: Packet;
  readonly fields: SignatureFields;
}

/** A user id or subkey with the primary key's signatures on it. */
export interface Part {
  readonly packet: Packet;
  readonly signatures: readonly ReadSignature[];
}

/** Packets put in their places; nothing is verified by that. */
export interface Certificate {
  readonly primary: Packet;
  readonly material: KeyMaterial;
  /** on the primary key itself: direct-key signatures and revocations */
  readonly signatures: readonly ReadSignature[];
  readonly users: readonly Part[];
  readonly subkeys: readonly Part[];
}

/** A key that may sign releases or index commits: the primary key or a subkey. */
export interface SigningKey {
  readonly fingerprint: string;
  readonly keyId: string;
  readonly packet: Packet;
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
}

/** What a minimal certificate says. */
export interface Description {
  readonly fingerprint: Fingerprint;
  /** not revoked ones, the primary one first; safe to print */
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  readonly signing: readonly SigningKey[];
}

/** KEY_MALFORMED, said in one way. */
export const malformed = (what: string): GtpkgError =>
  new GtpkgError('KEY_MALFORMED', `not a usable OpenPGP key: ${what}`);
/** KEY_WEAK, with what to do about it. */
export const weak = (what: string): GtpkgError =>
  new GtpkgError('KEY_WEAK', `the key is too weak: ${what}`, {
    hint: 'Ask its owner for a stronger one; gtpkg key generate makes an Ed25519 key.',
  });

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

/** SHA-256, SHA-384, SHA-512: what gpg 2.2 has and nobody breaks. */
export function isStrongHash(hash: number): boolean {
  return hash >= 8 && hash <= 10;
}

/** Sorts packets into a certificate. Third-party signatures and photos are left out. @throws GtpkgError KEY_MALFORMED */
export function groupPackets(packets: readonly Packet[]): Certificate {
  const [primary] = packets;
  if (primary?.tag !== TAG.publicKey && primary?.tag !== TAG.secretKey)
    throw malformed('it does not start with a primary key');
  const material = readMaterial(primary);
  const signatures: ReadSignature[] = [];
  const users: { packet: Packet; signatures: ReadSignature[] }[] = [];
  const subkeys: typeof users = [];
  let own = 0;
  let target: ReadSignature[] | undefined = signatures;
  for (const packet of packets.slice(1)) {
    switch (packet.tag) {
      case TAG.publicKey:
      case TAG.secretKey:
        throw malformed('more than one key; import them one by one');
      case TAG.userId:
        users.push({ packet, signatures: (target = []) });
        break;
      case TAG.publicSubkey:
      case TAG.secretSubkey:
        // one of an algorithm that is not read here is for encryption: nothing to do with signing
        target = isReadable(packet) ? [] : undefined;
        if (target !== undefined) subkeys.push({ packet, signatures: target });
        break;
      case TAG.attribute:
        target = undefined;
        break;
      case TAG.signature: {
        const fields = readQuietly(packet.body);
        if (fields === undefined || target === undefined || !isOwn(fields, material)) break;
        if (++own > limits.MAX_KEY_SIGNATURES)
          throw malformed(`more than ${limits.MAX_KEY_SIGNATURES} self-signatures`);
        target.push({ packet, fields });
        break;
      }
      case TAG.trust:
      case TAG.marker:
        break;
      default:
        throw malformed(`a packet of type ${packet.tag} in it`);
    }
  }
  return { primary, material, signatures, users, subkeys };
}

/** readKeyMaterial with KEY_MALFORMED for its errors. */
export function readMaterial(packet: Packet): KeyMaterial {
  try {
    return readKeyMaterial(packet);
  } catch (cause) {
    throw malformed((cause as Error).message);
  }
}

function isReadable(packet: Packet): boolean {
  try {
    readKeyMaterial(packet);
    return true;
  } catch {
    return false;
  }
}

/** A signature's fields; undefined for other versions and algorithms: a key full of those is still a key. */
export function readQuietly(body: Buffer): SignatureFields | undefined {
  try {
    return readSignatureFields(body);
  } catch {
    return undefined;
  }
}

/** Whether a signature claims to be by this key. */
export function isOwn(fields: SignatureFields, { keyId, fingerprint }: KeyMaterial): boolean {
  if (fields.issuerFingerprint !== undefined) return fields.issuerFingerprint === fingerprint;
  return fields.issuerId === keyId;
}

/** The public half of a secret certificate, or the same one. */
export function toPublic(certificate: Certificate): Certificate {
  const convert = (packet: Packet): Packet =>
    packet.tag === TAG.secretKey
      ? { tag: TAG.publicKey, body: readMaterial(packet).publicBody }
      : packet.tag === TAG.secretSubkey
        ? { tag: TAG.publicSubkey, body: readMaterial(packet).publicBody }
        : packet;
  const subkeys = certificate.subkeys.map((part) => ({ ...part, packet: convert(part.packet) }));
  return { ...certificate, primary: convert(certificate.primary), subkeys };
}

/** Everything of two public certificates of one key, so that nothing known (a revocation, say) is forgotten. */
export function merge(a: Certificate, b: Certificate): Certificate {
  const parts = (x: readonly Part[], y: readonly Part[]): Part[] => {
    const all = new Map<string, Part>();
    for (const part of [...x, ...y]) {
      const key = part.packet.body.toString('latin1');
      const signatures = [...(all.get(key)?.signatures ?? []), ...part.signatures];
      all.set(key, { packet: part.packet, signatures });
    }
    return [...all.values()];
  };
  return {
    ...a,
    signatures: [...a.signatures, ...b.signatures],
    users: parts(a.users, b.users),
    subkeys: parts(a.subkeys, b.subkeys),
  };
}

/** Signatures of the types `from` to `to`. */
export function ofType(all: readonly ReadSignature[], from: number, to = from): ReadSignature[] {
  return all.filter(({ fields }) => fields.type >= from && fields.type <= to);
}

/** Key flag "may sign data". */
export function maySign(fields: SignatureFields): boolean {
  return ((fields.keyFlags ?? 0) & 0x02) !== 0;
}

/** Whether the key itself is revoked; only sound for a minimal certificate. */
export function isRevoked({ signatures }: Certificate): boolean {
  return ofType(signatures, TYPE.keyRevocation).length > 0;
}

// Seconds since 1970 at which a signature or the key it speaks of ends, whichever comes first.
function end(fields: SignatureFields | undefined, keyCreated: number): number {
  if (fields === undefined) return Infinity;
  const signature = fields.expiresIn === 0 ? Infinity : fields.created + fields.expiresIn;
  return Math.min(signature, fields.keyExpiresIn ? keyCreated + fields.keyExpiresIn : Infinity);
}

const toDate = (seconds: number): Date | undefined =>
  seconds === Infinity ? undefined : new Date(seconds * 1000);

/** Reads a minimal certificate. Only sound for what `minimize` made. */
export function describe(minimal: Certificate): Description {
  const { material, signatures } = minimal;
  const live = minimal.users
    .filter(({ signatures: all }) => !all.some(({ fields }) => fields.type === TYPE.certRevocation))
    .map(({ packet, signatures: all }) => ({ packet, fields: (all[0] as ReadSignature).fields }))
    .sort(
      (a, b) =>
        Number(b.fields.primaryUserId) - Number(a.fields.primaryUserId) ||
        b.fields.created - a.fields.created,
    );
  const direct = ofType(signatures, TYPE.direct)[0]?.fields;
  const binding = live[0]?.fields;
  const revoked = isRevoked(minimal);
  const primaryEnd = Math.min(end(direct, material.created), end(binding, material.created));

  const signing: SigningKey[] = [];
  const flags = binding?.keyFlags === undefined ? direct : binding;
  if (flags !== undefined && maySign(flags)) {
    const { fingerprint, keyId } = material;
    const [created, expires] = [new Date(material.created * 1000), toDate(primaryEnd)];
    signing.push({ fingerprint, keyId, packet: minimal.primary, created, expires, revoked });
  }
  for (const { packet, signatures: all } of minimal.subkeys) {
    const { fields } = all[0] as ReadSignature;
    if (!maySign(fields)) continue;
    const { fingerprint, keyId, created } = readKeyMaterial(packet);
    const expires = toDate(Math.min(primaryEnd, end(fields, created)));
    signing.push({
      fingerprint,
      keyId,
      packet,
      created: new Date(created * 1000),
      expires,
      revoked: revoked || all.length > 1,
    });
  }
  return {
    fingerprint: parseFingerprint(material.fingerprint),
    userIds: live.map(({ packet }) => printable(packet.body.toString('utf8')).replace(/[\t\n]+/g, ' ')),
    created: new Date(material.created * 1000),
    expires: toDate(primaryEnd),
    revoked,
    signing,
  };
}

/** The packets of a certificate in their order; `swap` may exchange key packets for their secret ones. */
export function flatten(
  certificate: Certificate,
  swap: (packet: Packet) => Packet = (packet) => packet,
): Packet[] {
  const out = [swap(certificate.primary), ...certificate.signatures.map(({ packet }) => packet)];
  for (const { packet, signatures } of [...certificate.users, ...certificate.subkeys]) {
    out.push(swap(packet), ...signatures.map((signature) => signature.packet));
  }
  return out;
}
