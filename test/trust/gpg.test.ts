/**
 * The real gpg 2.2 and git as judges, in both directions: our keys and signatures there, theirs here.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseFingerprint } from '../../model/index.js';
import { generateKey, KeyStore, PublicKey, verifyDetached } from '../../trust/index.js';
import { Gpg, noGit, noGpg, refused, temporary } from './support.js';

const signed = Buffer.from('a tag\nof a release\r\nwith \0 bytes\n');
const ask = (words?: string) => () => Promise.resolve(words);

describe('keys and signatures of gtpkg in gpg', { skip: noGpg }, () => {
  let gpg: Gpg;
  before(() => void (gpg = new Gpg()));
  after(() => gpg.close());

  test('gpg imports our public key and verifies our signature', async () => {
    const folder = temporary();
    try {
      const store = new KeyStore(join(folder.path, 'keys'));
      const { fingerprint } = await store.generate({ name: 'Ada Müller', email: 'ada@example.org' });
      const signer = await store.signer(fingerprint, ask());
      writeFileSync(join(folder.path, 'data'), signed);
      writeFileSync(join(folder.path, 'data.sig'), await signer.sign(signed));
      await gpg.run(['--import'], await store.exportPublic(fingerprint));
      const status = await gpg.run([
        '--status-fd',
        '1',
        '--verify',
        join(folder.path, 'data.sig'),
        join(folder.path, 'data'),
      ]);
      assert.match(status.toString(), new RegExp(`VALIDSIG ${fingerprint} .* ${fingerprint}`));

      writeFileSync(join(folder.path, 'data'), Buffer.concat([signed, Buffer.from('x')]));
      const bad = await gpg.try(['--verify', join(folder.path, 'data.sig'), join(folder.path, 'data')]);
      assert.notEqual(bad.code, 0);
    } finally {
      folder.remove();
    }
  });

  for (const passphrase of [undefined, 'correct horse']) {
    test(`gpg signs with our private key ${passphrase === undefined ? 'without' : 'with'} passphrase`, async () => {
      const email = passphrase === undefined ? 'open@example.org' : 'locked@example.org';
      const key = await generateKey({
        name: 'Ada',
        email,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      await gpg.run(['--passphrase', passphrase ?? '', '--import'], key.privateKey);
      const signature = await gpg.sign(key.fingerprint, signed, ['--passphrase', passphrase ?? '']);
      const keys = [await PublicKey.parse(key.publicKey)];
      const result = await verifyDetached({ signed, signature, keys, now: new Date() });
      assert.equal(result.signer, key.fingerprint);
      assert.ok(Math.abs(result.created.getTime() - Date.now()) < 60_000);
    });
  }

  test('gpg agrees that our key expires when we say', async () => {
    const key = await generateKey({ name: 'Ada', email: 'expires@example.org', expiresIn: 86_400 });
    await gpg.run(['--import'], key.publicKey);
    const listing = (await gpg.run(['--with-colons', '--list-keys', key.fingerprint])).toString();
    const { created, expires } = await PublicKey.parse(key.publicKey);
    assert.equal(expires?.getTime(), created.getTime() + 86_400_000);
    assert.equal(Number(/^pub(?::[^:]*){5}:(\d+)/m.exec(listing)?.[1]), (expires?.getTime() ?? 0) / 1000);
  });

  test('git verify-tag accepts a tag that we signed, and no other', { skip: noGit }, async () => {
    const folder = temporary();
    try {
      const store = new KeyStore(join(folder.path, 'keys'));
      const { fingerprint } = await store.generate({ name: 'Ada', email: 'tag@example.org' });
      const signer = await store.signer(fingerprint, ask());
      await gpg.run(['--import'], await store.exportPublic(fingerprint));
      const env = { PATH: process.env['PATH'], HOME: folder.path, GNUPGHOME: gpg.home };
      const git = (args: string[], input = ''): string =>
        execFileSync('git', ['-C', folder.path, ...args], { env, input, stdio: ['pipe', 'pipe', 'pipe'] })
          .toString()
          .trim();
      git(['init', '-q']);
      const blob = git(['hash-object', '-w', '--stdin'], 'payload');
      const { name, email } = signer.person;
      const payload = `object ${blob}\ntype blob\ntag v1\ntagger ${name} <${email}> 1700000000 +0000\n\nv1\n`;
      const signature = await signer.sign(Buffer.from(payload));
      const tag = git(['hash-object', '-t', 'tag', '-w', '--stdin'], payload + signature);
      git(['verify-tag', tag]);
      const other = git(
        ['hash-object', '-t', 'tag', '-w', '--stdin'],
        payload.replace('tag v1', 'tag v2') + signature,
      );
      assert.throws(() => git(['verify-tag', other]), /BAD signature/);
    } finally {
      folder.remove();
    }
  });
});

describe('keys and signatures of gpg here', { skip: noGpg }, () => {
  let gpg: Gpg;
  before(() => void (gpg = new Gpg()));
  after(() => gpg.close());

  for (const algorithm of ['ed25519', 'rsa3072', 'nistp256']) {
    for (const passphrase of [undefined, 'pass phräse']) {
      test(`${algorithm} ${passphrase === undefined ? 'without' : 'with'} passphrase`, async () => {
        const folder = temporary();
        try {
          const user = `${algorithm} ${passphrase === undefined ? 'open' : 'locked'} <x@example.org>`;
          const fingerprint = parseFingerprint(
            await gpg.generate({ user, algorithm, ...(passphrase === undefined ? {} : { passphrase }) }),
          );
          const signature = await gpg.sign(fingerprint, signed, ['--passphrase', passphrase ?? '']);
          const keys = [await PublicKey.parse(await gpg.publicKey(fingerprint))];
          assert.deepEqual(keys[0]?.userIds, [user]);
          const result = await verifyDetached({ signed, signature, keys, now: new Date() });
          assert.deepEqual([result.signer, result.issuer], [fingerprint, fingerprint]);

          const store = new KeyStore(folder.path);
          const info = await store.import(await gpg.secretKey(fingerprint, passphrase));
          assert.deepEqual([info.secret, info.protected], [true, passphrase !== undefined]);
          if (passphrase !== undefined) {
            await refused('PASSPHRASE_NEEDED', () => store.signer(fingerprint, ask()));
            await refused('PASSPHRASE_WRONG', () => store.signer(fingerprint, ask('wrong')));
          }
          const ours = await (await store.signer(fingerprint, ask(passphrase))).sign(signed);
          writeFileSync(join(folder.path, 'data'), signed);
          await gpg.run(['--verify', '-', join(folder.path, 'data')], ours);
        } finally {
          folder.remove();
        }
      });
    }
  }

  test('a signing subkey counts as its primary key, and signs for it when the primary is offline', async () => {
    const folder = temporary();
    try {
      const fingerprint = parseFingerprint(
        await gpg.generate({ user: 'sub <sub@example.org>', algorithm: 'ed25519' }),
      );
      await gpg.run(['--passphrase', '', '--quick-add-key', fingerprint, 'ed25519', 'sign', 'never']);
      await gpg.run(['--passphrase', '', '--quick-add-key', fingerprint, 'cv25519', 'encr', 'never']);
      const signature = await gpg.sign(fingerprint, signed);
      const key = await PublicKey.parse(await gpg.publicKey(fingerprint));
      const result = await verifyDetached({ signed, signature, keys: [key], now: new Date() });
      assert.equal(result.signer, fingerprint);
      assert.notEqual(result.issuer, fingerprint);

      const store = new KeyStore(folder.path);
      const subkeys = await gpg.run(['--passphrase', '', '--armor', '--export-secret-subkeys', fingerprint]);
      await store.import(subkeys);
      const ours = await (await store.signer(fingerprint, ask())).sign(signed);
      const again = await verifyDetached({ signed, signature: ours, keys: [key], now: new Date() });
      assert.deepEqual([again.signer, again.issuer], [fingerprint, result.issuer]);

      // the stub of the offline primary must not hide the real one, in whichever order they come
      const whole = await gpg.secretKey(fingerprint);
      await store.import(whole);
      await store.import(subkeys);
      const back = new Gpg();
      try {
        await back.run(['--import'], await store.exportSecret(fingerprint));
        const listing = (await back.run(['--with-colons', '--list-secret-keys'])).toString();
        assert.match(listing, new RegExp(`^sec(:[^:]*){13}:\\+`, 'm'), 'the primary secret is a stub');
        await back.sign(`${fingerprint}!`, signed);
      } finally {
        await back.close();
      }
    } finally {
      folder.remove();
    }
  });

  test('an exported key that others have signed becomes minimal, and stays the same key for gpg', async () => {
    const fingerprint = await gpg.generate({ user: 'many <many@example.org>', algorithm: 'rsa2048' });
    const friend = await gpg.generate({ user: 'friend <friend@example.org>', algorithm: 'ed25519' });
    await gpg.run(['--passphrase', '', '--local-user', friend, '--quick-sign-key', fingerprint]);
    const full = await gpg.publicKey(fingerprint);
    const key = await PublicKey.parse(full);
    assert.ok(key.armored.length < full.length);
    const again = await PublicKey.parse(key.armored);
    assert.equal(again.armored, key.armored);
    const other = new Gpg();
    try {
      await other.run(['--import'], key.armored);
      assert.equal(await other.fingerprint('many@example.org'), fingerprint);
    } finally {
      await other.close();
    }
  });
});
