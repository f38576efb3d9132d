/**
 * Odd signatures before gpg 2.2 and before us: we agree, or are stricter, and each case in which we are is written down in
 * docs/formats/openpgp.md.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GtpkgError } from '../../model/index.js';
import { PublicKey, verifyDetached } from '../../trust/index.js';
import { makeKey, makeSignature, type Claims, type ForgedKey } from './forge.js';
import { Gpg, noGpg } from './support.js';

const signed = Buffer.from('line one\nline two \t\n');
const DAY = 86_400_000;
const DOCUMENT = new URL('../../../docs/formats/openpgp.md', import.meta.url);

interface Odd {
  readonly name: string;
  /** 'agree', or our code where gpg accepts and we do not */
  readonly verdict: 'agree' | string;
  readonly make: (gpg: Gpg, key: string) => Promise<{ signature: string; key: string }>;
}

const byGpg =
  (...extra: readonly string[]): Odd['make'] =>
  async (gpg, key) => ({ signature: await gpg.sign(key, signed, extra), key });

/** A signature by a key of ours, which gpg imports first. */
const forged =
  (claims: Claims, more: { expiresIn?: number; change?: (text: string) => string } = {}): Odd['make'] =>
  async (gpg) => {
    const key: ForgedKey = await makeKey({
      date: new Date(Date.now() - 20 * DAY),
      ...(more.expiresIn === undefined ? {} : { expiresIn: more.expiresIn }),
    });
    await gpg.run(['--import'], key.publicKey);
    const signature = await makeSignature(key, signed, claims);
    return { signature: more.change?.(signature) ?? signature, key: key.fingerprint };
  };

const notation = (critical: boolean): Claims => ({
  set: {
    rawNotations: [{ name: 'limit@example.org', value: Buffer.from('one'), humanReadable: true, critical }],
  } as never,
});

const withKey =
  (algorithm: string, ...extra: readonly string[]): Odd['make'] =>
  async (gpg) => {
    const user = `${algorithm} ${extra.join(' ')} <x@example.org>`;
    const key = await gpg.generate({ user, algorithm, extra: [...extra] });
    return { signature: await gpg.sign(key, signed), key };
  };

const CASES: readonly Odd[] = [
  { name: 'a plain one', verdict: 'agree', make: byGpg() },
  { name: 'SHA-512', verdict: 'agree', make: byGpg('--digest-algo', 'SHA512') },
  { name: 'a notation', verdict: 'agree', make: byGpg('--sig-notation', 'limit@example.org=one') },
  { name: 'a critical notation', verdict: 'agree', make: forged(notation(true)) },
  { name: 'a notation of ours', verdict: 'agree', make: forged(notation(false)) },
  { name: 'a policy URL', verdict: 'agree', make: byGpg('--sig-policy-url', 'https://example.org/') },
  { name: 'an end to come', verdict: 'agree', make: byGpg('--default-sig-expire', '1w') },
  {
    name: 'a signature that has expired',
    verdict: 'agree',
    make: forged({
      date: new Date(Date.now() - 3 * DAY),
      set: { signatureExpirationTime: 86_400, signatureNeverExpires: false } as never,
    }),
  },
  {
    name: 'an expired key, dated back',
    verdict: 'SIGNER_EXPIRED',
    make: forged({ date: new Date(Date.now() - 15 * DAY) }, { expiresIn: (10 * DAY) / 1000 }),
  },
  {
    name: 'dated a day ahead',
    verdict: 'SIGNATURE_FUTURE',
    make: forged({ date: new Date(Date.now() + DAY) }),
  },
  { name: 'dated before its key', verdict: 'agree', make: forged({ date: new Date(Date.now() - 30 * DAY) }) },
  {
    name: 'two signers in one block',
    verdict: 'SIGNATURE_MALFORMED',
    make: async (gpg, key) => {
      const second = await gpg.generate({ user: 'second <second@example.org>', algorithm: 'ed25519' });
      return { signature: await gpg.sign(key, signed, ['--local-user', second]), key };
    },
  },
  { name: 'text mode', verdict: 'SIGNATURE_MALFORMED', make: byGpg('--textmode') },
  {
    name: 'SHA-1',
    verdict: 'SIGNATURE_WEAK',
    make: byGpg('--allow-weak-digest-algos', '--digest-algo', 'SHA1'),
  },
  { name: 'SHA-224', verdict: 'SIGNATURE_WEAK', make: byGpg('--digest-algo', 'SHA224') },
  {
    name: 'an armour header',
    verdict: 'SIGNATURE_MALFORMED',
    make: byGpg('--comment', 'trust me'),
  },
  {
    name: 'text before the armour',
    verdict: 'SIGNATURE_MALFORMED',
    make: forged({}, { change: (text) => `trust me\n${text}` }),
  },
  {
    name: 'text after the armour',
    verdict: 'SIGNATURE_MALFORMED',
    make: forged({}, { change: (text) => `${text}trust me\n` }),
  },
  { name: 'a DSA key', verdict: 'KEY_WEAK', make: withKey('dsa2048') },
  { name: 'a Brainpool key', verdict: 'KEY_WEAK', make: withKey('brainpoolP256r1') },
  {
    name: 'a key bound by SHA-1',
    verdict: 'KEY_WEAK',
    make: withKey('rsa2048', '--cert-digest-algo', 'SHA1'),
  },
  {
    name: 'a revoked key',
    verdict: 'SIGNER_REVOKED',
    make: async (gpg) => {
      const key = await gpg.generate({ user: 'gone <gone@example.org>', algorithm: 'ed25519' });
      const signature = await gpg.sign(key, signed);
      const text = readFileSync(join(gpg.home, 'openpgp-revocs.d', `${key}.rev`), 'utf8');
      await gpg.run(['--import'], text.slice(text.indexOf(':---') + 1));
      return { signature, key };
    },
  },
];

describe('odd signatures, and what gpg says of them', { skip: noGpg }, () => {
  let gpg: Gpg;
  let plain: string;
  before(async () => {
    gpg = new Gpg();
    plain = await gpg.generate({ user: 'plain <plain@example.org>', algorithm: 'rsa2048' });
    writeFileSync(join(gpg.home, 'data'), signed);
  });
  after(() => gpg.close());

  for (const { name, verdict, make } of CASES) {
    test(`${name}: ${verdict === 'agree' ? 'agreed' : `refused here (${verdict})`}`, async () => {
      const { signature, key } = await make(gpg, plain);
      const { code, stdout } = await gpg.try(
        ['--status-fd', '1', '--verify', '-', join(gpg.home, 'data')],
        signature,
      );
      const theirs = code === 0 && /^\[GNUPG:\] VALIDSIG /m.test(stdout.toString());
      let ours: true | string = true;
      try {
        const keys = [await PublicKey.parse(await gpg.publicKey(key))];
        await verifyDetached({ signed, signature, keys, now: new Date(Date.now() + 1000) });
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        ours = error.code;
      }
      if (verdict === 'agree') assert.equal(ours === true, theirs, `gpg: ${theirs}, we: ${ours}\n${stdout}`);
      else {
        assert.equal(ours, verdict);
        assert.ok(theirs, `gpg refuses it as well\n${stdout}`);
        assert.ok(readFileSync(DOCUMENT, 'utf8').includes(`| ${name} |`), `"${name}" is not written down`);
      }
      // never the other way round
      assert.ok(theirs || ours !== true, 'we accept what gpg refuses');
    });
  }
});
