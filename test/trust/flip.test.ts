/**
 * One flipped bit, anywhere in the signed bytes or in the signature, and the signature is refused.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError } from '../../model/index.js';
import { PublicKey, verifyDetached } from '../../trust/index.js';
import { makeKey, makeSignature } from './forge.js';
import { Gpg, noGpg } from './support.js';

const now = new Date(Date.now() + 1000);

interface Case {
  readonly signed: Buffer;
  readonly signature: string;
  readonly keys: readonly PublicKey[];
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

async function assertRefused(options: Case, what: string): Promise<void> {
  const error = await verifyDetached({ ...options, now }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof GtpkgError, `accepted: ${what}`);
  assert.match(error.code, /^SIGN/);
}

async function everyBit(good: Case): Promise<void> {
  await verifyDetached({ ...good, now });
  const text = Buffer.from(good.signature, 'latin1');
  for (let bit = 0; bit < text.length * 8; bit++) {
    const signature = flipped(text, bit).toString('latin1');
    await assertRefused({ ...good, signature }, `bit ${bit} of the armour`);
  }
  for (let bit = 0; bit < good.signed.length * 8; bit++) {
    await assertRefused({ ...good, signed: flipped(good.signed, bit) }, `bit ${bit} of the signed bytes`);
  }
}

test('every bit of a signature of ours', async () => {
  const key = await makeKey();
  const signed = Buffer.from('Tree-SHA256: 0123\n');
  await everyBit({
    signed,
    signature: await makeSignature(key, signed),
    keys: [await PublicKey.parse(key.publicKey)],
  });
});

test('any bytes: signed and verified, changed in any way and refused', async () => {
  const key = await makeKey();
  const keys = [await PublicKey.parse(key.publicKey)];
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ maxLength: 2000 }), async (a, b) => {
      const signature = await makeSignature(key, a);
      await verifyDetached({ signed: a, signature, keys, now });
      if (Buffer.compare(a, b) !== 0)
        await assertRefused({ signed: Buffer.from(b), signature, keys }, 'other bytes');
    }),
    { numRuns: 100 },
  );
});

describe('every bit of a signature of gpg', { skip: noGpg }, () => {
  let gpg: Gpg;
  before(() => void (gpg = new Gpg()));
  after(() => gpg.close());
  for (const algorithm of ['ed25519', 'rsa2048', 'nistp256']) {
    test(algorithm, async () => {
      const fingerprint = await gpg.generate({ user: `${algorithm} <x@example.org>`, algorithm });
      const signed = Buffer.from('Tree-SHA256: 0123\n');
      const signature = await gpg.sign(fingerprint, signed);
      await everyBit({ signed, signature, keys: [await PublicKey.parse(await gpg.publicKey(fingerprint))] });
    });
  }
});
