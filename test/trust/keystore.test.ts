/**
 * The key store on a real file system.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as openpgp from 'openpgp';
import { parseFingerprint } from '../../model/index.js';
import { generateKey, KeyStore, verifyDetached } from '../../trust/index.js';
import { makeKey } from './forge.js';
import { refused, temporary } from './support.js';

const ask = (words?: string) => () => Promise.resolve(words);
const never = () => assert.fail('asked for a passphrase');

describe('key store', () => {
  let folder: ReturnType<typeof temporary>;
  let keys: string;
  let store: KeyStore;
  beforeEach(() => {
    folder = temporary();
    keys = join(folder.path, 'deep', 'keys');
    store = new KeyStore(keys);
  });
  afterEach(() => folder.remove());

  test('a store that is not there is empty', async () => {
    const fingerprint = parseFingerprint('0'.repeat(40));
    assert.deepEqual(await store.list(), []);
    assert.equal(await store.has(fingerprint), false);
    await refused('KEY_NOT_FOUND', () => store.publicKey(fingerprint));
    await refused('KEY_NOT_FOUND', () => store.exportSecret(fingerprint));
    await refused('KEY_NOT_FOUND', () => store.resolve('ada@example.org'));
    await refused('KEY_NOT_FOUND', () => store.signer(fingerprint, ask()));
  });

  test('modes: folder 0700, public 0644, private 0600, whatever the umask; nothing else is left', async () => {
    for (const mask of [0o000, 0o077, 0o022]) {
      const before = process.umask(mask);
      try {
        const { fingerprint } = await store.generate({ name: 'Ada', email: 'ada@example.org' });
        assert.equal(statSync(join(keys, `${fingerprint}.asc`)).mode & 0o777, 0o644);
        assert.equal(statSync(join(keys, `${fingerprint}.secret.asc`)).mode & 0o777, 0o600);
      } finally {
        process.umask(before);
      }
    }
    assert.equal(statSync(keys).mode & 0o777, 0o700);
    assert.equal(readdirSync(keys).length, 6);
  });

  test('generate, list, resolve, export, sign', async () => {
    const a = await store.generate({
      name: 'Ada',
      email: 'ada@example.org',
      passphrase: 'sesame',
      expiresIn: 3600,
    });
    const b = await store.generate({ name: 'Bob', email: 'bob@example.org' });
    const listed = await store.list();
    assert.deepEqual(
      listed,
      [a, b].sort((x, y) => (x.fingerprint < y.fingerprint ? -1 : 1)),
    );
    assert.deepEqual(
      [a.secret, a.protected, a.revoked, a.userIds],
      [true, true, false, ['Ada <ada@example.org>']],
    );
    assert.deepEqual([b.secret, b.protected, b.expires], [true, false, undefined]);
    assert.equal(a.expires?.getTime(), a.created.getTime() + 3_600_000);

    for (const text of [
      a.fingerprint,
      a.fingerprint.slice(-8),
      `0x${a.fingerprint.slice(-16).toLowerCase()}`,
      'ADA@example.org',
    ]) {
      assert.equal(await store.resolve(text), a.fingerprint);
    }
    assert.equal(await store.resolve((a.fingerprint.match(/.{4}/g) ?? []).join(' ')), a.fingerprint);
    for (const text of ['', 'da@example.org', 'Ada', a.fingerprint.slice(-7), '0'.repeat(40)]) {
      await refused('KEY_NOT_FOUND', () => store.resolve(text));
    }

    await refused('PASSPHRASE_NEEDED', () => store.signer(a.fingerprint, ask()));
    await refused('PASSPHRASE_WRONG', () => store.signer(a.fingerprint, ask('Sesame')));
    const signer = await store.signer(a.fingerprint, ask('sesame'));
    assert.deepEqual(signer.person, { name: 'Ada', email: 'ada@example.org' });
    const plain = await store.signer(b.fingerprint, never);
    const bytes = Buffer.from('x');
    for (const [key, who] of [
      [signer, a],
      [plain, b],
    ] as const) {
      const signature = await key.sign(bytes);
      const all = [await store.publicKey(a.fingerprint), await store.publicKey(b.fingerprint)];
      const { signer: by } = await verifyDetached({ signed: bytes, signature, keys: all, now: new Date() });
      assert.equal(by, who.fingerprint);
    }
  });

  test('two keys of one address: ambiguous, and both are named', async () => {
    const a = await store.generate({ name: 'Ada', email: 'ada@example.org' });
    const b = await store.generate({ name: 'Ada', email: 'ada@example.org' });
    const error = await refused('KEY_NOT_FOUND', () => store.resolve('ada@example.org'));
    assert.deepEqual(error.data['matches'], [a.fingerprint, b.fingerprint].sort());
  });

  test('importing twice changes nothing; a public copy does not take the private part away', async () => {
    const key = await generateKey({ name: 'Ada', email: 'ada@example.org', passphrase: 'x' });
    const first = await store.import(key.privateKey);
    const files = () => readdirSync(keys).map((name) => readFileSync(join(keys, name), 'utf8'));
    const before = files();
    assert.deepEqual(await store.import(key.privateKey), first);
    assert.deepEqual(await store.import(Buffer.from(key.publicKey)), first);
    assert.deepEqual(files(), before);
  });

  test('a public key alone can not sign', async () => {
    const key = await generateKey({ name: 'Ada', email: 'ada@example.org' });
    const info = await store.import(key.publicKey);
    assert.deepEqual([info.secret, info.protected], [false, false]);
    await refused('KEY_NOT_FOUND', () => store.signer(key.fingerprint, never));
    await refused('KEY_NOT_FOUND', () => store.exportSecret(key.fingerprint));
  });

  test('a revocation, once known, is never forgotten', async () => {
    const key = await makeKey();
    const revocation = await openpgp.revokeKey({ key: key.secret, format: 'armored' });
    await store.import(key.secret.armor());
    assert.equal((await store.import(revocation.publicKey)).revoked, true);
    assert.equal((await store.import(key.publicKey)).revoked, true);
    assert.equal((await store.import(key.secret.armor())).revoked, true);
    const fingerprint = parseFingerprint(key.fingerprint);
    await refused('SIGNER_REVOKED', () => store.signer(fingerprint, never));
    const exported = await openpgp.readKey({ armoredKey: await store.exportSecret(fingerprint) });
    assert.equal(await exported.isRevoked(), true, 'the exported private key carries it too');
  });

  test('an expired key does not sign', async () => {
    const date = new Date(Date.now() - 7_200_000);
    const { fingerprint } = await store.generate({
      name: 'Ada',
      email: 'a@example.org',
      expiresIn: 3600,
      date,
    });
    await refused('SIGNER_EXPIRED', () => store.signer(fingerprint, never));
  });

  test('a private half that belongs to another public half is refused before it signs', async () => {
    const [a, b] = [await makeKey(), await makeKey()];
    const packet = a.secret.keyPacket as openpgp.SecretKeyPacket;
    packet.privateParams = (b.secret.keyPacket as openpgp.SecretKeyPacket).privateParams;
    const info = await store.import(a.secret.write());
    await refused('KEY_MALFORMED', () => store.signer(info.fingerprint, never));
  });

  test('garbage is refused and leaves the store as it was', async () => {
    const { fingerprint } = await store.generate({ name: 'Ada', email: 'ada@example.org' });
    const before = readdirSync(keys);
    for (const input of [
      '',
      'hello',
      '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n',
    ]) {
      await refused('KEY_MALFORMED', () => store.import(input));
    }
    await refused('KEY_MALFORMED', () => store.import(Buffer.from([0x99, 0, 0])));
    assert.deepEqual(readdirSync(keys), before);
    writeFileSync(join(keys, `${fingerprint}.asc`), 'not a key');
    await refused('KEY_MALFORMED', () => store.list());
    writeFileSync(join(keys, `${fingerprint}.asc`), (await makeKey()).publicKey);
    await refused('KEY_MALFORMED', () => store.list());
  });

  test(
    'a store that can not be written says so',
    { skip: process.getuid?.() === 0 && 'root may write everywhere' },
    async () => {
      mkdirSync(keys, { recursive: true });
      chmodSync(keys, 0o500);
      await refused('PERMISSION', () => store.generate({ name: 'Ada', email: 'ada@example.org' }));
    },
  );

  test('list works where openpgp can not be loaded', async () => {
    const { fingerprint } = await store.generate({ name: 'Ada', email: 'ada@example.org', passphrase: 'x' });
    const dist = fileURLToPath(new URL('../../', import.meta.url));
    for (const room of ['model', 'trust'])
      cpSync(join(dist, room), join(folder.path, room), { recursive: true });
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}');
    const run = (call: string): string => {
      const script = `import { KeyStore } from './trust/index.js';
        const store = new KeyStore(${JSON.stringify(keys)});
        console.log(JSON.stringify(await store.${call}));`;
      const args = ['--input-type=module', '-e', script];
      return execFileSync(process.execPath, args, {
        encoding: 'utf8',
        cwd: folder.path,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    };
    assert.equal((JSON.parse(run('list()')) as { fingerprint: string }[])[0]?.fingerprint, fingerprint);
    assert.equal(JSON.parse(run(`resolve('ada@example.org')`)), fingerprint);
    assert.throws(
      () => run(`publicKey('${fingerprint}')`),
      /openpgp/,
      'the test proves nothing: openpgp was found',
    );
  });
});
