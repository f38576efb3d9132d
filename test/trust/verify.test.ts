/**
 * Attacks on a detached signature. Each starts from one that is accepted, changes one thing, and ends refused.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { PublicKey, verifyDetached } from '../../trust/index.js';
import { armorSignature, bytesOf, makeKey, makeSignature, type ForgedKey } from './forge.js';
import { Gpg, noGpg, refused } from './support.js';

const signed = Buffer.from('Tree-SHA256: 00\nline two \t\n');
const DAY = 86_400_000;
const now = new Date();

async function check(signature: string, owner: ForgedKey | string, at = now): Promise<string> {
  const keys = [await PublicKey.parse(typeof owner === 'string' ? owner : owner.publicKey)];
  return (await verifyDetached({ signed, signature, keys, now: at })).signer;
}

describe('form of a signature', () => {
  let key: ForgedKey;
  let good: string;
  before(async () => {
    key = await makeKey({ date: new Date(now.getTime() - DAY) });
    good = await makeSignature(key, signed);
    assert.equal(await check(good, key), key.fingerprint);
  });

  const frames: Record<string, (text: string) => string> = {
    'text before the armour': (text) => `trust me\n${text}`,
    'an empty line before the armour': (text) => `\n${text}`,
    'text after the armour': (text) => `${text}trust me\n`,
    'an empty line after the armour': (text) => `${text}\n`,
    'two blocks': (text) => text + text,
    'an armour header': (text) => text.replace('\n\n', '\nComment: trust me\n\n'),
    'CRLF line ends': (text) => text.replaceAll('\n', '\r\n'),
    'no empty line': (text) => text.replace('\n\n', '\n'),
    'text between the lines': (text) => text.replace('\n\n', '\n\ntrust me\n'),
    'white space at a line end': (text) => text.replace('\n\n', '\n \n'),
    'a wrong checksum': (text) => text.replace(/\n=..../, '\n=AAAA'),
    'another block type': (text) => text.replaceAll('PGP SIGNATURE', 'PGP MESSAGE'),
    'a clear-signed message': (text) => `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n${text}`,
    'nothing at all': () => '',
    'a megabyte of base64': (text) => text.replace('\n\n', `\n\n${`${'A'.repeat(64)}\n`.repeat(16_384)}`),
  };
  for (const [name, change] of Object.entries(frames)) {
    test(`${name} is refused`, async () =>
      void (await refused('SIGNATURE_MALFORMED', () => check(change(good), key))));
  }

  test('an armour without its checksum line is the same signature', async () => {
    assert.equal(await check(good.replace(/\n=....\n/, '\n'), key), key.fingerprint);
  });

  const packets: Record<string, (bytes: Buffer) => Buffer> = {
    'the same packet twice': (bytes) => Buffer.concat([bytes, bytes]),
    'a marker packet after it': (bytes) => Buffer.concat([bytes, Buffer.from([0xca, 3, 0x50, 0x47, 0x50])]),
    'a packet cut short': (bytes) => bytes.subarray(0, -1),
    'a byte more': (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
    'a partial length': (bytes) => Buffer.concat([Buffer.from([0xc2, 0xe1]), bytes.subarray(2)]),
    'an indeterminate length': (bytes) =>
      Buffer.concat([Buffer.from([0x8b]), bytes.subarray(bytes[1]! >= 192 ? 3 : 2)]),
    'a key in place of a signature': () => Buffer.from([0xc6, 1, 4]),
  };
  for (const [name, change] of Object.entries(packets)) {
    test(`${name} is refused`, async () => {
      const bytes = change(await bytesOf(good));
      await refused('SIGNATURE_MALFORMED', () => check(armorSignature(bytes), key));
    });
  }

  test('the same subpacket in the unsigned area again is refused', async () => {
    const bytes = await bytesOf(good);
    const header = bytes[1]! >= 192 ? 3 : 2;
    const body = bytes.subarray(header);
    const hashedEnd = 6 + body.readUInt16BE(4);
    const extra = Buffer.from([9, 16, ...Buffer.from(key.fingerprint, 'hex').subarray(-8)]);
    const grown = Buffer.concat([
      body.subarray(0, hashedEnd),
      Buffer.from([0, 10]),
      extra,
      body.subarray(hashedEnd + 2),
    ]);
    const length = [((grown.length - 192) >> 8) + 192, (grown.length - 192) & 255];
    const packet = Buffer.concat([Buffer.from([0xc2, ...length]), grown]);
    await refused('SIGNATURE_MALFORMED', () => check(armorSignature(packet), key));
  });
});

describe('what a signature says', () => {
  let key: ForgedKey;
  before(async () => void (key = await makeKey({ date: new Date(now.getTime() - 10 * DAY) })));

  for (const type of [0x01, 0x02, 0x10, 0x13, 0x18, 0x1f, 0x20, 0x40]) {
    test(`type 0x${type.toString(16)} in place of a binary signature is refused`, async () => {
      const good = await bytesOf(await makeSignature(key, signed));
      const header = good[1]! >= 192 ? 3 : 2;
      good[header + 1] = type;
      await refused('SIGNATURE_MALFORMED', () => check(armorSignature(good), key));
    });
  }

  test('text mode against binary mode: a text signature is refused, also over a text that is the same', async () => {
    const signature = await makeSignature(key, signed, { set: { signatureType: 1 } });
    await refused('SIGNATURE_MALFORMED', () => check(signature, key));
  });

  test('an unknown critical notation is refused, one that is not critical is not', async () => {
    const notation = { name: 'policy@example.org', value: Buffer.from('x'), humanReadable: true };
    const critical = await makeSignature(key, signed, {
      set: { rawNotations: [{ ...notation, critical: true }] },
    });
    const error = await refused('SIGNATURE_MALFORMED', () => check(critical, key));
    assert.match(error.message, /policy@example.org/);
    const plain = await makeSignature(key, signed, {
      set: { rawNotations: [{ ...notation, critical: false }] },
    });
    assert.equal(await check(plain, key), key.fingerprint);
  });

  test('future-dated: refused beyond CLOCK_SKEW, accepted within it', async () => {
    const at = (ms: number) => makeSignature(key, signed, { date: new Date(now.getTime() + ms) });
    await refused('SIGNATURE_FUTURE', async () => check(await at(limits.CLOCK_SKEW + 60_000), key));
    await refused('SIGNATURE_FUTURE', async () => check(await at(365 * DAY), key));
    assert.equal(await check(await at(limits.CLOCK_SKEW - 60_000), key), key.fingerprint);
  });

  test('backdated before the key was made: refused', async () => {
    const signature = await makeSignature(key, signed, { date: new Date(now.getTime() - 11 * DAY) });
    await refused('SIGNATURE_BAD', () => check(signature, key));
  });

  test('a signature with an end: good before, refused after', async () => {
    const date = new Date(now.getTime() - 5 * DAY);
    const set = { signatureExpirationTime: 4 * 86_400, signatureNeverExpires: false };
    const signature = await makeSignature(key, signed, { date, set });
    assert.equal(await check(signature, key, new Date(now.getTime() - 2 * DAY)), key.fingerprint);
    await refused('SIGNATURE_BAD', () => check(signature, key));
  });

  test('an expired key, and a signature backdated into its life: both refused', async () => {
    const old = await makeKey({ date: new Date(now.getTime() - 10 * DAY), expiresIn: 5 * 86_400 });
    const backdated = await makeSignature(old, signed, { date: new Date(now.getTime() - 9 * DAY) });
    await refused('SIGNER_EXPIRED', () => check(backdated, old));
    assert.equal(await check(backdated, old, new Date(now.getTime() - 6 * DAY)), old.fingerprint);
  });

  test('a key that is not made yet: refused', async () => {
    const young = await makeKey({ date: new Date(now.getTime() + DAY) });
    const signature = await makeSignature(young, signed, { date: new Date(now.getTime() + DAY) });
    await refused('SIGNATURE_FUTURE', () => check(signature, young));
  });
});

describe('who signed', () => {
  test('a stranger is refused, and named', async () => {
    const [key, stranger] = [await makeKey(), await makeKey()];
    const signature = await makeSignature(stranger, signed);
    const error = await refused('SIGNER_UNKNOWN', () => check(signature, key));
    assert.equal(error.data['issuer'], stranger.fingerprint);
    const nobody = () => verifyDetached({ signed, signature, keys: [], now });
    await refused('SIGNER_UNKNOWN', nobody);
  });

  test("another's fingerprint in the signature: refused", async () => {
    const [key, stranger] = [await makeKey(), await makeKey()];
    const bytes = await bytesOf(await makeSignature(stranger, signed));
    const from = Buffer.from(stranger.fingerprint, 'hex');
    const to = Buffer.from(key.fingerprint, 'hex');
    for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from)) to.copy(bytes, at);
    for (let at = bytes.indexOf(from.subarray(-8)); at >= 0; at = bytes.indexOf(from.subarray(-8)))
      to.copy(bytes, at, 12);
    await refused('SIGNATURE_BAD', () => check(armorSignature(bytes), key));
  });

  test('the right key over other bytes: refused', async () => {
    const key = await makeKey();
    const signature = await makeSignature(key, Buffer.from('something else'));
    await refused('SIGNATURE_BAD', () => check(signature, key));
  });

  test('the same key given twice is one signer', async () => {
    const key = await makeKey();
    const keys = [await PublicKey.parse(key.publicKey), await PublicKey.parse(key.publicKey)];
    const { signer } = await verifyDetached({
      signed,
      signature: await makeSignature(key, signed),
      keys,
      now: new Date(),
    });
    assert.equal(signer, key.fingerprint);
  });
});

describe('signatures that gpg makes', { skip: noGpg }, () => {
  let gpg: Gpg;
  let fingerprint: string;
  before(async () => {
    gpg = new Gpg();
    fingerprint = await gpg.generate({ user: 'rsa <rsa@example.org>', algorithm: 'rsa2048' });
  });
  after(() => gpg.close());
  const later = () => new Date(Date.now() + 1000);

  for (const hash of ['SHA1', 'RIPEMD160', 'SHA224']) {
    test(`${hash} is refused`, async () => {
      const signature = await gpg.sign(fingerprint, signed, [
        '--allow-weak-digest-algos',
        '--digest-algo',
        hash,
      ]);
      await refused('SIGNATURE_WEAK', async () => check(signature, await gpg.publicKey(fingerprint)));
    });
  }

  for (const hash of ['SHA256', 'SHA384', 'SHA512']) {
    test(`${hash} is accepted`, async () => {
      const signature = await gpg.sign(fingerprint, signed, ['--digest-algo', hash]);
      assert.equal(await check(signature, await gpg.publicKey(fingerprint), later()), fingerprint);
    });
  }

  test('--textmode is refused', async () => {
    const signature = await gpg.sign(fingerprint, signed, ['--textmode']);
    await refused('SIGNATURE_MALFORMED', async () => check(signature, await gpg.publicKey(fingerprint)));
  });

  test('two signers in one block are refused', async () => {
    const second = await gpg.generate({ user: 'second <second@example.org>', algorithm: 'ed25519' });
    const signature = await gpg.sign(fingerprint, signed, ['--local-user', second]);
    await refused('SIGNATURE_MALFORMED', async () => check(signature, await gpg.publicKey(fingerprint)));
  });

  test('a critical notation is refused', async () => {
    const signature = await gpg.sign(fingerprint, signed, ['--sig-notation', '!limit@example.org=one']);
    await refused('SIGNATURE_MALFORMED', async () => check(signature, await gpg.publicKey(fingerprint)));
  });

  test('a clear-signed message is refused', async () => {
    const text = (await gpg.run(['--local-user', fingerprint, '--clear-sign'], signed)).toString();
    await refused('SIGNATURE_MALFORMED', async () => check(text, await gpg.publicKey(fingerprint)));
  });

  test('an expired key of gpg, backdated with a false clock, is refused', async () => {
    const extra = ['--faked-system-time', '20250101T000000!'];
    const old = await gpg.generate({
      user: 'old <old@example.org>',
      algorithm: 'ed25519',
      expire: '1w',
      extra,
    });
    const signature = await gpg.sign(old, signed, ['--faked-system-time', '20250103T000000!']);
    await refused('SIGNER_EXPIRED', async () => check(signature, await gpg.publicKey(old)));
    assert.equal(await check(signature, await gpg.publicKey(old), new Date('2025-01-04')), old);
  });
});
