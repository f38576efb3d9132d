/**
 * Attacks on a public key: what is too weak, what is too much, what claims what it is not.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { GtpkgError, limits, type Fingerprint } from '../../model/index.js';
import { inTemp } from '../git/support.js';
import { generateKey, isNear, KeyStore, PublicKey, verifyDetached } from '../../trust/index.js';
import { bytesOf, makeKey, makePacket, makeRsaKey, makeSignature, type ForgedKey } from './forge.js';
import { Gpg, noGpg, refused } from './support.js';

const signed = Buffer.from('bytes');
const DAY = 86_400_000;

async function check(signature: string, armored: string, now = new Date()): Promise<string> {
  return (await verifyDetached({ signed, signature, keys: [await PublicKey.parse(armored)], now })).signer;
}

describe('reading a key', () => {
  let key: ForgedKey;
  before(async () => void (key = await makeKey({ date: new Date(Date.now() - 10 * DAY) })));

  test('what it says is what was put in; armoured and binary are the same key', async () => {
    const made = await generateKey({
      name: 'Ada Müller',
      email: 'ada@localhost',
      expiresIn: 3600,
      date: new Date(1.7e12),
    });
    const parsed = await PublicKey.parse(made.publicKey);
    assert.equal(parsed.fingerprint, made.fingerprint);
    assert.deepEqual(parsed.userIds, ['Ada Müller <ada@localhost>']);
    assert.equal(parsed.created.getTime(), 1.7e12);
    assert.equal(parsed.expires?.getTime(), 1.7e12 + 3_600_000);
    assert.equal(parsed.revoked, false);
    assert.equal((await PublicKey.parse(await bytesOf(made.publicKey))).armored, parsed.armored);
    assert.equal((await PublicKey.parse(Buffer.from(made.publicKey))).armored, parsed.armored);
  });

  test('armour headers, CRLF and white space around a key are let through', async () => {
    const text = key.publicKey
      .replace('\n\n', '\nComment: from a key server\nVersion: 1\n\n')
      .replaceAll('\n', '\r\n');
    assert.equal((await PublicKey.parse(`\n  ${text}\n\n`)).armored, key.publicKey);
  });

  test('a private key where a public one is expected is refused', async () => {
    await refused('KEY_MALFORMED', () => PublicKey.parse(key.secret.armor()));
    await refused('KEY_MALFORMED', () => PublicKey.parse(key.secret.write()));
  });

  test('more than one key is refused', async () => {
    const two = Buffer.concat([await bytesOf(key.publicKey), await bytesOf((await makeKey()).publicKey)]);
    await refused('KEY_MALFORMED', () => PublicKey.parse(two));
    await refused('KEY_MALFORMED', () => PublicKey.parse(key.publicKey + key.publicKey));
  });

  test('names and addresses that would break a user id are refused', async () => {
    for (const name of ['', ' Ada', 'Ada\n', 'A <x>', 'A (x)', 'a\u001b[31m']) {
      await refused('BAD_NAME', () => generateKey({ name, email: 'a@example.org' }));
    }
    for (const email of ['', 'a', 'a@', '@b', 'a b@c', 'a@b>', 'a@b\n', 'a@b,c']) {
      await refused('BAD_NAME', () => generateKey({ name: 'Ada', email }));
    }
  });

  test('version 6, and algorithms that gpg 2.2 can not read, are refused', async () => {
    const make = (config: object): Promise<{ publicKey: string }> =>
      openpgp.generateKey({ type: 'curve25519', userIDs: [{ name: 'A', email: 'a@example.org' }], config });
    await refused('KEY_MALFORMED', async () => PublicKey.parse((await make({ v6Keys: true })).publicKey));
    await refused('KEY_MALFORMED', async () => PublicKey.parse((await make({ v6Keys: false })).publicKey));
  });

  test('a key with 10,000 signatures is refused, and fast', async () => {
    const bytes = await bytesOf(key.publicKey);
    const packet = Buffer.concat([
      Buffer.from([0xc2, 12]),
      Buffer.from([4, 0x10, 22, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    const many = Buffer.concat([bytes, ...Array.from({ length: 10_000 }, () => packet)]);
    await refused('KEY_MALFORMED', () => PublicKey.parse(many));
    const huge = Buffer.concat([bytes, Buffer.alloc(limits.MAX_PUBLIC_KEY)]);
    await refused('KEY_MALFORMED', () => PublicKey.parse(huge));
  });

  test('hundreds of forged self-signatures are refused before they cost a verification each', async () => {
    const user = key.secret.users[0];
    const real = user?.selfCertifications[0]?.write() ?? assert.fail();
    const bytes = await bytesOf(key.publicKey);
    const forged = Buffer.from(real);
    forged[forged.length - 1]! ^= 1;
    const length = [((forged.length - 192) >> 8) + 192, (forged.length - 192) & 255];
    const packet = Buffer.concat([Buffer.from([0xc2, ...length]), forged]);
    const many = Buffer.concat([bytes, ...Array.from({ length: limits.MAX_KEY_SIGNATURES }, () => packet)]);
    await refused('KEY_MALFORMED', () => PublicKey.parse(many));
    const few = Buffer.concat([bytes, packet, packet]);
    assert.equal((await PublicKey.parse(few)).armored, key.publicKey, 'forged ones are left out');
  });

  test('any bytes: a key, or a refusal with a code', async () => {
    const bytes = await bytesOf(key.publicKey);
    const mutated = fc
      .tuple(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length))
      .map(([at, value, cut]) => {
        const copy = Buffer.from(bytes);
        copy[at] = value;
        return copy.subarray(0, cut < bytes.length / 4 ? bytes.length - cut : bytes.length);
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), async (input) => {
        try {
          const parsed = await PublicKey.parse(input);
          assert.equal((await PublicKey.parse(parsed.armored)).armored, parsed.armored);
        } catch (error) {
          assert.ok(error instanceof GtpkgError, String(error));
          assert.match(error.code, /^KEY_/);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('self-signatures', () => {
  let key: ForgedKey;
  const primary = (): openpgp.SecretKeyPacket => key.secret.keyPacket as openpgp.SecretKeyPacket;
  before(async () => void (key = await makeRsaKey(new Date(Date.now() - 10 * DAY))));

  // The key with its self-certification exchanged for what `set` says.
  async function withCertification(...all: { date?: Date; set?: object }[]): Promise<string> {
    const user = key.secret.users[0] ?? assert.fail();
    const list = new openpgp.PacketList<openpgp.AnyPacket>();
    list.push(key.secret.toPublic().keyPacket, user.userID as openpgp.UserIDPacket);
    for (const { date, set } of all) {
      const data = { key: primary(), userID: user.userID };
      const claims = { signatureType: 0x13, keyFlags: new Uint8Array([3]), ...set };
      list.push(await makePacket(primary(), data, { ...(date === undefined ? {} : { date }), set: claims }));
    }
    return openpgp.armor(openpgp.enums.armor.publicKey, list.write());
  }

  test('SHA-1 and MD5 alone make a weak key', async () => {
    for (const hashAlgorithm of [openpgp.enums.hash.sha1, openpgp.enums.hash.md5]) {
      const armored = await withCertification({ set: { hashAlgorithm } });
      await refused('KEY_WEAK', () => PublicKey.parse(armored));
    }
  });

  test('a newer strong one mends a weak one; a newer weak one voids', async () => {
    const [old, young] = [new Date(Date.now() - 5 * DAY), new Date(Date.now() - DAY)];
    const sha1 = { hashAlgorithm: openpgp.enums.hash.sha1 };
    assert.ok(await PublicKey.parse(await withCertification({ date: old, set: sha1 }, { date: young })));
    const voided = await withCertification({ date: old }, { date: young, set: sha1 });
    await refused('KEY_WEAK', () => PublicKey.parse(voided));
  });

  test('the newest decides when the key expires, whatever the order', async () => {
    const [old, young] = [new Date(Date.now() - 5 * DAY), new Date(Date.now() - DAY)];
    const short = { date: old, set: { keyExpirationTime: 86_400, keyNeverExpires: false } };
    const long = { date: young, set: { keyExpirationTime: 86_400 * 30, keyNeverExpires: false } };
    const a = await PublicKey.parse(await withCertification(short, long));
    const b = await PublicKey.parse(await withCertification(long, short));
    assert.equal(a.armored, b.armored);
    assert.equal(a.expires?.getTime(), a.created.getTime() + 30 * DAY);
  });

  test('no self-signature, an unknown critical part, a key that may not sign', async () => {
    const none = await withCertification();
    await refused('KEY_MALFORMED', () => PublicKey.parse(none));
    const notation = { name: 'x@example.org', value: Buffer.from('y'), humanReadable: true, critical: true };
    const unknown = await withCertification({ set: { rawNotations: [notation] } });
    await refused('KEY_MALFORMED', () => PublicKey.parse(unknown));
    const certifyOnly = await withCertification({ set: { keyFlags: new Uint8Array([1]) } });
    const signature = await makeSignature(key, signed);
    await refused('SIGNER_UNKNOWN', () => check(signature, certifyOnly));
  });

  test("another's user id, or another's certification of one, is left out", async () => {
    const other = await makeKey({ name: 'Eve', email: 'eve@example.org' });
    const list = new openpgp.PacketList<openpgp.AnyPacket>();
    list.push(...key.secret.toPublic().toPacketList());
    const eve = other.secret.users[0] ?? assert.fail();
    list.push(eve.userID as openpgp.UserIDPacket, eve.selfCertifications[0] as openpgp.SignaturePacket);
    const grown = openpgp.armor(openpgp.enums.armor.publicKey, list.write());
    const parsed = await PublicKey.parse(grown);
    assert.deepEqual(parsed.userIds, ['Mallory <mallory@example.org>']);
  });

  test('a terminal escape in a user id does not reach the terminal', async () => {
    const userID = new openpgp.UserIDPacket();
    userID.read(Buffer.from('Evil \u001b[2J\nTwo <evil@example.org>'));
    const set = { signatureType: 0x13, keyFlags: new Uint8Array([3]) };
    const certification = await makePacket(primary(), { key: primary(), userID }, { set });
    const list = new openpgp.PacketList<openpgp.AnyPacket>();
    list.push(key.secret.toPublic().keyPacket, userID, certification);
    const parsed = await PublicKey.parse(list.write());
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(parsed.userIds.join(), /[\u0000-\u001f]/);
  });

  test("claiming another's signing key as a subkey does not give their signatures", async () => {
    const victim = await makeKey({ date: new Date(Date.now() - 2 * DAY) });
    const signature = await makeSignature(victim, signed);
    const bind = new openpgp.PublicSubkeyPacket();
    await bind.read(victim.secret.toPublic().keyPacket.write());
    const binding = await makePacket(
      primary(),
      { key: primary(), bind },
      {
        set: { signatureType: openpgp.enums.signature.subkeyBinding, keyFlags: new Uint8Array([2]) },
      },
    );
    const list = new openpgp.PacketList<openpgp.AnyPacket>();
    list.push(...key.secret.toPublic().toPacketList(), bind, binding);
    const thief = openpgp.armor(openpgp.enums.armor.publicKey, list.write());
    await refused('SIGNER_UNKNOWN', () => check(signature, thief));
    assert.equal(await check(signature, victim.publicKey), victim.fingerprint);
  });
});

describe('revocation', () => {
  const flags = openpgp.enums.reasonForRevocation;
  for (const [kind, flag] of [
    ['hard', flags.keyCompromised],
    ['soft (superseded)', flags.keySuperseded],
    ['soft (retired)', flags.keyRetired],
    ['without a reason', flags.noReason],
  ] as const) {
    test(`${kind}: refused, also for a signature dated before it`, async () => {
      const key = await makeKey({ date: new Date(Date.now() - 10 * DAY) });
      const signature = await makeSignature(key, signed, { date: new Date(Date.now() - 9 * DAY) });
      assert.equal(await check(signature, key.publicKey), key.fingerprint);
      const { publicKey } = await openpgp.revokeKey({
        key: key.secret,
        reasonForRevocation: { flag, string: '' },
        date: new Date(Date.now() - DAY),
      });
      const revoked = await PublicKey.parse(publicKey);
      assert.equal(revoked.revoked, true);
      await refused('SIGNER_REVOKED', () => check(signature, publicKey));
      await refused('SIGNER_REVOKED', () => check(signature, publicKey, new Date(Date.now() - 8 * DAY)));
      // who listed it decides, and only for a key that went out of use: not the signature's own date
      const soft = kind.startsWith('soft');
      assert.equal(revoked.revocation?.kind, soft ? 'soft' : 'hard');
      const listed = (days: number): Promise<string> =>
        verifyDetached({
          signed,
          signature,
          keys: [revoked],
          now: new Date(),
          listed: new Date(Date.now() - days * DAY),
        }).then(({ signer }) => signer);
      if (soft) assert.equal(await listed(2), key.fingerprint);
      else await refused('SIGNER_REVOKED', () => listed(2));
      await refused('SIGNER_REVOKED', () => listed(0.5));
    });
  }

  test('soft, then hard: it is hard, whichever way the copies are merged', async () => {
    const key = await makeKey({ date: new Date(Date.now() - 10 * DAY) });
    const revoke = (flag: openpgp.enums.reasonForRevocation, days: number): Promise<string> =>
      openpgp
        .revokeKey({
          key: key.secret,
          reasonForRevocation: { flag, string: '' },
          date: new Date(Date.now() - days * DAY),
        })
        .then(({ publicKey }) => publicKey);
    const [soft, hard] = [await revoke(flags.keyRetired, 5), await revoke(flags.keyCompromised, 1)];
    for (const order of [
      [soft, hard],
      [hard, soft],
    ]) {
      await inTemp(async (directory) => {
        const store = new KeyStore(directory);
        for (const copy of order) await store.import(copy);
        assert.equal((await store.publicKey(key.fingerprint as Fingerprint)).revocation?.kind, 'hard');
      });
    }
  });

  test('an algorithm that ends on a date: good before it, refused from it on, and told a year ahead', async () => {
    const key = await makeRsaKey(new Date(Date.now() - 10 * DAY));
    const signature = await makeSignature(key, signed);
    const parsed = await PublicKey.parse(key.publicKey);
    const end = limits.LATER_RSA_DATE;
    assert.deepEqual(parsed.weakFrom, end);
    assert.equal(await check(signature, key.publicKey, new Date(end.getTime() - 1000)), key.fingerprint);
    await refused('SIGNATURE_WEAK', () => check(signature, key.publicKey, end));
    const listed = new Date(end.getTime() - DAY);
    assert.equal(
      (await verifyDetached({ signed, signature, keys: [parsed], now: end, listed })).signer,
      key.fingerprint,
    );
    assert.equal(isNear(end, new Date(end.getTime() - 364 * DAY)), true);
    assert.equal(isNear(end, new Date(end.getTime() - 366 * DAY)), false);
    assert.equal((await PublicKey.parse((await makeKey()).publicKey)).weakFrom, undefined);
  });

  test('with SHA-1, or with a critical part nobody knows, it still counts', async () => {
    const key = await makeRsaKey(new Date(Date.now() - 10 * DAY));
    const signature = await makeSignature(key, signed);
    const secret = key.secret.keyPacket as openpgp.SecretKeyPacket;
    const notation = { name: 'x@example.org', value: Buffer.from('y'), humanReadable: true, critical: true };
    for (const set of [{ hashAlgorithm: openpgp.enums.hash.sha1 }, { rawNotations: [notation] }]) {
      const packet = await makePacket(secret, { key: secret }, { set: { signatureType: 0x20, ...set } });
      const list = key.secret.toPublic().toPacketList() as openpgp.PacketList<openpgp.AnyPacket>;
      list.splice(1, 0, packet);
      await refused('SIGNER_REVOKED', async () =>
        check(signature, openpgp.armor(openpgp.enums.armor.publicKey, list.write())),
      );
    }
  });

  test('by a stranger: it does not count', async () => {
    const [key, stranger] = [await makeKey(), await makeKey()];
    const secret = stranger.secret.keyPacket as openpgp.SecretKeyPacket;
    const claims = { set: { signatureType: 0x20 } };
    const packet = await makePacket(secret, { key: key.secret.keyPacket }, claims);
    const list = key.secret.toPublic().toPacketList() as openpgp.PacketList<openpgp.AnyPacket>;
    list.splice(1, 0, packet);
    const parsed = await PublicKey.parse(list.write());
    assert.equal(parsed.revoked, false);
    assert.equal(parsed.armored, key.publicKey);
  });
});

describe('keys that gpg makes', { skip: noGpg }, () => {
  let gpg: Gpg;
  before(() => void (gpg = new Gpg()));
  after(() => gpg.close());

  test('--cert-digest-algo SHA1: refused', async () => {
    const extra = ['--cert-digest-algo', 'SHA1'];
    const fingerprint = await gpg.generate({ user: 'sha1 <sha1@example.org>', algorithm: 'rsa2048', extra });
    await refused('KEY_WEAK', async () => PublicKey.parse(await gpg.publicKey(fingerprint)));
  });

  for (const algorithm of ['rsa1024', 'dsa2048', 'brainpoolP256r1', 'secp256k1']) {
    test(`${algorithm}: refused`, async () => {
      const fingerprint = await gpg.generate({ user: `${algorithm} <${algorithm}@example.org>`, algorithm });
      await refused('KEY_WEAK', async () => PublicKey.parse(await gpg.publicKey(fingerprint)));
    });
  }

  test("gpg's own revocation certificate", async () => {
    const fingerprint = await gpg.generate({ user: 'gone <gone@example.org>', algorithm: 'ed25519' });
    const signature = await gpg.sign(fingerprint, signed);
    assert.equal(await check(signature, await gpg.publicKey(fingerprint)), fingerprint);
    const certificate = readFileSync(join(gpg.home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
    await gpg.run(['--import'], certificate.slice(certificate.indexOf(':---') + 1));
    const revoked = await gpg.publicKey(fingerprint);
    assert.equal((await PublicKey.parse(revoked)).revoked, true);
    await refused('SIGNER_REVOKED', () => check(signature, revoked));
  });

  test('a revoked signing subkey does not take the primary with it', async () => {
    const fingerprint = await gpg.generate({ user: 'subs <subs@example.org>', algorithm: 'ed25519' });
    await gpg.run(['--passphrase', '', '--quick-add-key', fingerprint, 'ed25519', 'sign', 'never']);
    const bySubkey = await gpg.sign(fingerprint, signed);
    const byPrimary = await gpg.sign(`${fingerprint}!`, signed);
    const commands = 'key 1\nrevkey\ny\n0\n\ny\nsave\n';
    const edit = ['--command-fd', '0', '--passphrase', '', '--edit-key', fingerprint];
    await gpg.run(edit, commands);
    const key = await gpg.publicKey(fingerprint);
    await refused('SIGNER_REVOKED', () => check(bySubkey, key));
    assert.equal(await check(byPrimary, key), fingerprint);
  });

  test('a revoked user id is not shown; the key goes on under the other', async () => {
    const fingerprint = await gpg.generate({ user: 'One <one@example.org>', algorithm: 'ed25519' });
    await gpg.run(['--passphrase', '', '--quick-add-uid', fingerprint, 'Two <two@example.org>']);
    const before = await PublicKey.parse(await gpg.publicKey(fingerprint));
    assert.deepEqual([...before.userIds].sort(), ['One <one@example.org>', 'Two <two@example.org>']);
    await gpg.run(['--passphrase', '', '--quick-revoke-uid', fingerprint, 'One <one@example.org>']);
    const parsed = await PublicKey.parse(await gpg.publicKey(fingerprint));
    assert.deepEqual(parsed.userIds, ['Two <two@example.org>']);
  });
});
