/**
 * What a minimal certificate says: user ids, dates, revocation, and the keys in it that may sign. Pure; sound only for what `minimize`
 * made. The key store lists its own files with it and never loads openpgp.
 */
import { parseFingerprint, printable, type Fingerprint } from '../model/index.js';
import { endsOn } from './algorithms.js';
import { maySign, ofType, type Certificate, type ReadSignature } from './certificate.js';
import { readKeyMaterial, type Packet } from './packets.js';
import { TYPE, type SignatureFields } from './signature.js';

/** A key that may sign releases or index commits: the primary key or a subkey. */
export interface SigningKey {
  readonly fingerprint: string;
  readonly keyId: string;
  readonly packet: Packet;
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** set when it was revoked only because it went out of use: what it signed before may stand */
  readonly retired: Date | undefined;
  /** from when its algorithm is refused */
  readonly weakFrom: Date | undefined;
}

/**
 * `soft`: superseded or retired, good until then. `hard`: compromised, or no reason given: whoever has it can backdate.
 * RFC 9580 §5.2.3.31
 */
export interface Revocation {
  readonly kind: 'hard' | 'soft';
  /** as the revocation is dated */
  readonly date: Date;
}

/** What a minimal certificate says. */
export interface Description {
  readonly fingerprint: Fingerprint;
  /** not revoked ones, the primary one first; safe to print */
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** of the key as a whole */
  readonly revocation: Revocation | undefined;
  readonly signing: readonly SigningKey[];
}

/** Whether a revocation says that the key only went out of use. */
export function isSoft({ reason }: SignatureFields): boolean {
  return reason === 1 || reason === 3;
}

// The worst of several revocations; only sound for verified ones.
function worst(all: readonly ReadSignature[]): Revocation | undefined {
  const [first] = [...all].sort(
    (a, b) => Number(isSoft(a.fields)) - Number(isSoft(b.fields)) || a.fields.created - b.fields.created,
  );
  if (first === undefined) return undefined;
  return { kind: isSoft(first.fields) ? 'soft' : 'hard', date: new Date(first.fields.created * 1000) };
}

const softDate = (revocation: Revocation | undefined): Date | undefined =>
  revocation?.kind === 'soft' ? revocation.date : undefined;

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
  const revocations = ofType(signatures, TYPE.keyRevocation);
  const revocation = worst(revocations);
  const revoked = revocation !== undefined;
  const primaryEnd = Math.min(end(direct, material.created), end(binding, material.created));

  const signing: SigningKey[] = [];
  const flags = binding?.keyFlags === undefined ? direct : binding;
  if (flags !== undefined && maySign(flags)) {
    const { fingerprint, keyId } = material;
    signing.push({
      fingerprint,
      keyId,
      packet: minimal.primary,
      created: new Date(material.created * 1000),
      expires: toDate(primaryEnd),
      revoked,
      retired: softDate(revocation),
      weakFrom: endsOn(material),
    });
  }
  for (const { packet, signatures: all } of minimal.subkeys) {
    const { fields } = all[0] as ReadSignature;
    if (!maySign(fields)) continue;
    const sub = readKeyMaterial(packet);
    const { fingerprint, keyId, created } = sub;
    const expires = toDate(Math.min(primaryEnd, end(fields, created)));
    const own = worst([...revocations, ...all.slice(1)]);
    const weakFrom = [endsOn(sub), endsOn(material)].filter((date) => date !== undefined).sort(byDate)[0];
    signing.push({
      fingerprint,
      keyId,
      packet,
      created: new Date(created * 1000),
      expires,
      revoked: own !== undefined,
      retired: softDate(own),
      weakFrom,
    });
  }
  return {
    fingerprint: parseFingerprint(material.fingerprint),
    userIds: live.map(({ packet }) => printable(packet.body.toString('utf8')).replace(/[\t\n]+/g, ' ')),
    created: new Date(material.created * 1000),
    expires: toDate(primaryEnd),
    revoked,
    revocation,
    signing,
  };
}

function byDate(a: Date, b: Date): number {
  return a.getTime() - b.getTime();
}
