/**
 * An OpenPGP key with its parts, without cryptography: packets put in their places, two copies merged. Pure. `groupPackets` sorts
 * hostile packets and verifies nothing; minimize.ts verifies.
 */
import { GtpkgError, limits } from '../model/index.js';
import { readKeyMaterial, TAG, type KeyMaterial, type Packet } from './packets.js';
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

/** KEY_MALFORMED, said in one way. */
export const malformed = (what: string): GtpkgError =>
  new GtpkgError('KEY_MALFORMED', `not a usable OpenPGP key: ${what}`);
/** KEY_WEAK, with what to do about it. */
export const weak = (what: string): GtpkgError =>
  new GtpkgError('KEY_WEAK', `the key is too weak: ${what}`, {
    hint: 'Ask its owner for a stronger one; gtpkg key generate makes an Ed25519 key.',
  });

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
