/**
 * From hostile packets to a minimal, verified certificate. Keeps the primary key, its revocation, the newest direct-key
 * signature, and the user ids and subkeys that the primary key has really signed, each with its newest self-signature and
 * revocation (as gpg's export-minimal does); throws when nothing trustworthy is left.
 *
 * Rules: the newest self-signature decides, and when it is weak (not SHA-256, -384, -512) its part is dropped, not
 * replaced by an older one. The revocation of a key or subkey counts for ever, whatever its date, reason and hash. Unknown
 * critical parts make a self-signature void, but never a revocation. A signing subkey needs its own back-signature.
 * Revocations by a designated revoker are not honoured: openpgp can not check them.
 */
import { isStrongHash, weakness } from './algorithms.js';
import {
  isOwn,
  isRevoked,
  malformed,
  maySign,
  ofType,
  readMaterial,
  readQuietly,
  weak,
  type Certificate,
  type Part,
  type ReadSignature,
} from './certificate.js';
import { describe, isSoft } from './describe.js';
import { isSignedBy, openpgpKey, type OpenPGP, type SignedData } from './openpgp.js';
import type { KeyMaterial } from './packets.js';
import { TYPE, type SignatureFields } from './signature.js';

/**
 * Verifies a public certificate's self-signatures and keeps the minimal form.
 * @throws GtpkgError KEY_MALFORMED, KEY_WEAK
 */
export async function minimize(certificate: Certificate): Promise<Certificate> {
  const { primary, material } = certificate;
  const why = weakness(material);
  if (why !== undefined) throw weak(why);
  let sawWeak = false;
  let by: OpenPGP.PublicKeyPacket;
  try {
    by = await openpgpKey(primary, material.fingerprint);
  } catch (cause) {
    throw malformed((cause as Error).message);
  }

  const good = (signature: ReadSignature, data: SignedData): Promise<boolean> =>
    isSignedBy(by, { body: signature.packet.body, type: signature.fields.type }, data);
  // The newest signature that the key really made; a weak one voids the part.
  const newest = async (
    all: readonly ReadSignature[],
    data: SignedData,
  ): Promise<ReadSignature | undefined> => {
    for (const signature of byAge(all)) {
      if (signature.fields.unknownCritical !== undefined || !(await good(signature, data))) continue;
      if (isStrongHash(signature.fields.hash)) return signature;
      sawWeak = true;
      return undefined;
    }
    return undefined;
  };
  // One proof is enough: a hard one if there is any, and the oldest, so that the minimal form is the same whatever is added later.
  const revocation = async (all: readonly ReadSignature[], data: SignedData): Promise<ReadSignature[]> => {
    const oldest = byAge(all).reverse();
    const order = [
      ...oldest.filter(({ fields }) => !isSoft(fields)),
      ...oldest.filter(({ fields }) => isSoft(fields)),
    ];
    for (const signature of order) if (await good(signature, data)) return [signature];
    return [];
  };

  const signatures = await revocation(ofType(certificate.signatures, TYPE.keyRevocation), { key: by });
  const direct = await newest(ofType(certificate.signatures, TYPE.direct), { key: by });
  if (direct !== undefined) signatures.push(direct);

  const users: Part[] = [];
  for (const { packet, signatures: all } of certificate.users) {
    const data = { key: by, userId: packet.body };
    const binding = await newest(ofType(all, TYPE.certGeneric, TYPE.certPositive), data);
    if (binding === undefined) continue;
    // a user id may be revoked and certified anew; a key may not
    const { created } = binding.fields;
    const later = ofType(all, TYPE.certRevocation).filter(({ fields }) => fields.created >= created);
    users.push({ packet, signatures: [binding, ...(await revocation(later, data))] });
  }

  const subkeys: Part[] = [];
  for (const { packet, signatures: all } of certificate.subkeys) {
    const sub = readMaterial(packet);
    const bind = await openpgpKey(packet, sub.fingerprint).catch(() => undefined);
    if (bind === undefined) continue;
    const data = { key: by, bind };
    const binding = await newest(ofType(all, TYPE.subkeyBinding), data);
    if (binding === undefined || !(await isBoundBack(binding.fields, sub, { key: by, bind }))) continue;
    subkeys.push({
      packet,
      signatures: [binding, ...(await revocation(ofType(all, TYPE.subkeyRevocation), data))],
    });
  }

  const minimal = { primary, material, signatures, users, subkeys };
  if (describe(minimal).userIds.length === 0 && !isRevoked(minimal)) {
    if (sawWeak) throw weak('its self-signatures use SHA-1 or another broken hash');
    throw malformed('no user id that the key itself has signed');
  }
  return minimal;
}

// RFC 9580 §5.2.1.9: a subkey that signs must say so itself, else anybody could claim another's key as their subkey.
async function isBoundBack(
  fields: SignatureFields,
  sub: KeyMaterial,
  data: { readonly key: OpenPGP.PublicKeyPacket; readonly bind: OpenPGP.PublicKeyPacket },
): Promise<boolean> {
  if (!maySign(fields)) return true;
  const back = fields.embedded === undefined ? undefined : readQuietly(fields.embedded);
  if (back === undefined || back.type !== TYPE.keyBinding || back.unknownCritical !== undefined) return false;
  if (!isStrongHash(back.hash) || weakness(sub) !== undefined || !isOwn(back, sub)) return false;
  return isSignedBy(data.bind, { body: fields.embedded as Buffer, type: TYPE.keyBinding }, data);
}

// Newest first; of two made in one second the larger bytes, so that the order of the input never decides.
function byAge(all: readonly ReadSignature[]): ReadSignature[] {
  return [...all].sort(
    (a, b) => b.fields.created - a.fields.created || Buffer.compare(b.packet.body, a.packet.body),
  );
}
