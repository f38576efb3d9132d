/**
 * Signatures checked by OpenSSL against the same checked by openpgp: one verdict, on good ones and on ones changed anywhere.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { PublicKey } from '../../trust/index.js';
import { dearmorSignature } from '../../trust/armor.js';
import { isSignedNatively } from '../../trust/native.js';
import { isSignedBy, openpgpKey } from '../../trust/openpgp.js';
import { readMpi, readPackets, type Packet } from '../../trust/packets.js';
import { readSignatureFields } from '../../trust/signature.js';
import { makeSignature, type ForgedKey } from './forge.js';

type KeyOptions = { type: 'ecc'; curve: string } | { type: 'rsa'; rsaBits: number };

const KINDS: Readonly<Record<string, KeyOptions>> = {
  Ed25519: { type: 'ecc', curve: 'ed25519Legacy' },
  'RSA 2048': { type: 'rsa', rsaBits: 2048 },
  'NIST P-256': { type: 'ecc', curve: 'nistP256' },
  'NIST P-384': { type: 'ecc', curve: 'nistP384' },
  'NIST P-521': { type: 'ecc', curve: 'nistP521' },
};

async function make(options: KeyOptions): Promise<ForgedKey & { packet: Packet }> {
  const userIDs = [{ name: 'Ada <ada@example.org>' }];
  const made = await openpgp.generateKey({ ...options, userIDs, format: 'object' } as never);
  const { privateKey: secret, publicKey } = made as unknown as {
    privateKey: openpgp.PrivateKey;
    publicKey: openpgp.PublicKey;
  };
  const key = await PublicKey.parse(publicKey.armor());
  const packet = key.signing[0]?.packet ?? assert.fail();
  return { fingerprint: key.fingerprint, publicKey: key.armored, secret, packet };
}

/** Both verdicts on a packet's body; equal, or the test fails. Bodies that our reader refuses come to neither. */
async function verdict(key: ForgedKey & { packet: Packet }, body: Buffer, message: Buffer): Promise<boolean> {
  try {
    if (readSignatureFields(body).type !== 0) return false;
  } catch {
    return false;
  }
  const native = isSignedNatively(key.packet, body, message);
  const by = await openpgpKey(key.packet, key.fingerprint);
  assert.equal(native, await isSignedBy(by, { body, type: 0 }, { message }), body.toString('hex'));
  return native;
}

for (const [name, options] of Object.entries(KINDS)) {
  describe(name, () => {
    let key: ForgedKey & { packet: Packet };
    before(async () => void (key = await make(options)));

    test('one verdict, whatever is changed in the message, the packet or its numbers', async () => {
      const input = fc.record({
        message: fc.uint8Array({ maxLength: 300 }),
        hash: fc.constantFrom('sha256', 'sha384', 'sha512'),
        at: fc.nat(),
        flip: fc.integer({ min: 1, max: 255 }),
      });
      await fc.assert(
        fc.asyncProperty(input, async ({ message: bytes, hash, at, flip }) => {
          const message = Buffer.from(bytes);
          const hashAlgorithm = openpgp.enums.hash[hash as 'sha256'];
          const signature = await makeSignature(key, message, { set: { hashAlgorithm } });
          const body = readPackets(dearmorSignature(signature), 1)[0]?.body ?? assert.fail();
          assert.ok(await verdict(key, body, message), 'a good signature is accepted');
          assert.ok(!(await verdict(key, body, Buffer.concat([message, Buffer.from([flip])]))));
          for (const place of [at % body.length, body.length - 1 - (at % 40)]) {
            const changed = Buffer.from(body);
            changed[place] = (changed[place] ?? 0) ^ flip;
            // the unsigned area only says where to look; verify.ts wants it empty or right
            const unsigned = 6 + body.readUInt16BE(4);
            const free = place >= unsigned && place < unsigned + 2 + body.readUInt16BE(unsigned);
            if (!free) assert.ok(!(await verdict(key, changed, message)), `byte ${place}`);
          }
        }),
        { numRuns: 15 },
      );
    });

    test('another key of the same kind did not sign it', async () => {
      const message = Buffer.from('bytes');
      const other = await make(options);
      const body = readPackets(dearmorSignature(await makeSignature(key, message)), 1)[0]?.body;
      assert.ok(body !== undefined && isSignedNatively(key.packet, body, message));
      assert.ok(!isSignedNatively(other.packet, body, message));
    });
  });
}

test('numbers that are longer than the key is: refused, not cut', async () => {
  const key = await make(KINDS['Ed25519'] as KeyOptions);
  const message = Buffer.from('bytes');
  const body = readPackets(dearmorSignature(await makeSignature(key, message)), 1)[0]?.body ?? assert.fail();
  const unsigned = 6 + body.readUInt16BE(4);
  const numbers = unsigned + 2 + body.readUInt16BE(unsigned) + 2;
  const s = readMpi(body, numbers).end;
  const long = Buffer.concat([Buffer.from([1, 1, 1]), body.subarray(numbers + 2, s)]);
  assert.equal(readMpi(long, 0).end, long.length, 'R with a byte before it is a number');
  const changed = Buffer.concat([body.subarray(0, numbers), long, body.subarray(s)]);
  assert.ok(!(await verdict(key, changed, message)));
});
