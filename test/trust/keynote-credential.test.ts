/**
 * Signed assertions, and the linter that stands before the signature.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { KeyStore, type PublicKey, type Signer } from '../../trust/index.js';
import {
  keyOf,
  lint,
  parseAssertions,
  principalOf,
  signAssertion,
  toBytes,
  verifyCredential,
  type Assertion,
  type Finding,
} from '../../trust/keynote/index.js';
import { assertions, VALUES } from './keynote-support.js';
import { Gpg, noGpg, refused, temporary } from './support.js';

const one = (text: string): Assertion => assertions(text)[0] ?? assert.fail('nothing');
const rules = {
  values: VALUES,
  attributes: ['app_domain', 'name', 'date', 'suite'],
  domain: 'gtpkg',
} as const;

describe('signatures', () => {
  let signer: Signer;
  let other: PublicKey;
  let signed: string;
  const now = new Date();
  const check = (text: string, keys: readonly PublicKey[] = [signer.publicKey]): Promise<unknown> =>
    verifyCredential(one(text), { keys, now });

  before(async () => {
    const { path, remove } = temporary();
    const keys = new KeyStore(path);
    const make = (name: string): Promise<{ fingerprint: PublicKey['fingerprint'] }> =>
      keys.generate({ name, email: `${name}@example.org` });
    signer = await keys.signer((await make('ada')).fingerprint, () => Promise.resolve(undefined));
    other = await keys.publicKey((await make('bob')).fingerprint);
    remove();
    const text = `# not signed\nKeyNote-Version: 2\nAuthorizer: "${principalOf(signer.fingerprint)}"\n# signed\nLicensees: "a"\n`;
    signed = `# not signed\n${await signAssertion(one(text), signer)}`;
  });

  test('cover every byte from the first field to the last', async () => {
    await check(signed);
    await check(signed.replace('# not signed', '# whatever'));
    const from = signed.indexOf('KeyNote');
    const to = signed.indexOf('Signature:');
    for (let at = from; at < to; at++) {
      const changed = `${signed.slice(0, at)}${String.fromCharCode(signed.charCodeAt(at) ^ 1)}${signed.slice(at + 1)}`;
      const [only, ...more] = parseAssertions(changed, 'test').assertions;
      if (only === undefined || more.length > 0) continue; // no longer KeyNote
      await refused(['SIGNATURE_BAD', 'SIGNER_UNKNOWN', 'SIGNATURE_MISSING'], () =>
        verifyCredential(only, { keys: [signer.publicKey, other], now }),
      );
    }
  });
  test('are by the authorizer alone', async () => {
    await refused('SIGNER_UNKNOWN', () => check(signed, [other]));
    await refused('SIGNER_UNKNOWN', () =>
      check(signed.replace(principalOf(signer.fingerprint), principalOf(other.fingerprint)), [
        signer.publicKey,
        other,
      ]),
    );
    await refused('SIGNER_UNKNOWN', () =>
      signAssertion(one(`Authorizer: "${principalOf(other.fingerprint)}"`), signer),
    );
    await refused('SIGNER_UNKNOWN', () => signAssertion(one('Authorizer: "POLICY"'), signer));
    await refused('SIGNER_UNKNOWN', () => check(signed.replace(/"pgp:[^"]*"/, '"POLICY"')));
  });
  test('are there, and are what they say', async () => {
    await refused('SIGNATURE_MISSING', () => check(signed.slice(0, signed.indexOf('Signature'))));
    for (const form of ['sig-rsa-sha1-base64:AAAA', 'sig-pgp:', 'sig-pgp:AAA', 'AAAA'])
      await refused('SIGNATURE_MALFORMED', () => check(signed.replace(/"sig-pgp:[^"]*"/, `"${form}"`)));
    await refused('POLICY_MALFORMED', () => signAssertion(one(signed), signer));
  });
  test('of tomorrow do not count', async () => {
    await refused('SIGNATURE_FUTURE', () =>
      verifyCredential(one(signed), { keys: [signer.publicKey], now: new Date(now.getTime() - 86_400_000) }),
    );
  });
  test('are what gpg makes of the same bytes', { skip: noGpg }, async () => {
    const gpg = new Gpg();
    try {
      await gpg.run(['--import'], signer.publicKey.armored);
      const maker = await gpg.generate({ user: 'eve@example.org', algorithm: 'ed25519' });
      const text = `Authorizer: "${principalOf(maker)}"\nLicensees: "a"\n`;
      const made = await gpg.run(
        ['--passphrase', '', '--local-user', maker, '--detach-sign'],
        `${text}sig-pgp:`,
      );
      const { PublicKey: Key } = await import('../../trust/index.js');
      await check(`${text}Signature: "sig-pgp:${made.toString('base64')}"\n`, [
        await Key.parse(await gpg.publicKey(maker)),
      ]);
    } finally {
      await gpg.close();
    }
  });
});

test('a principal is a key in one spelling only', () => {
  const fingerprint = 'A'.repeat(40);
  assert.equal(keyOf(principalOf(fingerprint)), fingerprint);
  for (const wrong of [
    `pgp:${fingerprint}`,
    `PGP:${'a'.repeat(40)}`,
    `pgp:${'a'.repeat(39)}`,
    'a'.repeat(40),
    'POLICY',
    `pgp:${'a'.repeat(40)} `,
  ])
    assert.equal(keyOf(wrong), undefined);
});

describe('the linter', () => {
  const [key, root] = [`pgp:${'a'.repeat(40)}`, `pgp:${'b'.repeat(40)}`];
  const good = {
    authorizer: `"${root}"`,
    licensees: `"${key}"`,
    conditions:
      'app_domain == "gtpkg" && name ~= "^(openssl|libssl[0-9]+)$" && date < "20280101000000" -> "install";',
  };
  const found = (
    change: Partial<Record<keyof typeof good | 'constants', string | undefined>>,
    kind: 'credential' | 'policy' = 'credential',
  ): Finding['rule'][] => {
    const all = { ...good, ...change };
    const field = (name: string, body: string | undefined): string =>
      body === undefined ? '' : `${name}: ${body}\n`;
    const text =
      field('Local-Constants', all.constants) +
      field('Authorizer', all.authorizer) +
      field('Licensees', all.licensees) +
      field('Conditions', all.conditions);
    return lint(one(toBytes(text)), { ...rules, kind }).map(({ rule }) => rule);
  };
  const base = 'app_domain == "gtpkg" && date < "20280101000000"';

  test('has nothing to say of a good one', () => {
    assert.deepEqual(found({}), []);
    assert.deepEqual(
      found({ conditions: `${base} -> { suite == "stable" -> "auto"; true -> _MAX_TRUST; };` }),
      [],
    );
    assert.deepEqual(found({ conditions: `(name == "a" && ${base}) || (${base} && name == "b");` }), []);
    assert.deepEqual(
      found({ conditions: 'app_domain == "gtpkg" -> { @date < 20280101000000 -> "auto"; };' }),
      [],
    );
  });
  for (const [name, change, expected] of [
    ['missing Licensees', { licensees: undefined }, ['licensees']],
    ['empty Licensees', { licensees: '' }, ['licensees']],
    ['missing Conditions', { conditions: undefined }, ['conditions']],
    ['empty Conditions', { conditions: '' }, ['conditions']],
    ['no app_domain', { conditions: 'date < "20280101000000";' }, ['app-domain']],
    [
      'another app_domain',
      { conditions: 'app_domain == "other" && date < "20280101000000";' },
      ['app-domain'],
    ],
    [
      'app_domain not in every way',
      { conditions: 'date < "20280101000000" && (app_domain == "gtpkg" || name == "x");' },
      ['app-domain'],
    ],
    [
      'app_domain negated',
      { conditions: '!(app_domain == "gtpkg") && date < "20280101000000";' },
      ['app-domain'],
    ],
    ['a second clause without', { conditions: `${base}; true;` }, ['app-domain', 'date']],
    ['no date', { conditions: 'app_domain == "gtpkg";' }, ['date']],
    [
      'a date that only begins',
      { conditions: 'app_domain == "gtpkg" && date > "20200101000000";' },
      ['date'],
    ],
    ['a date that is none', { conditions: 'app_domain == "gtpkg" && date < "soon";' }, ['date']],
    ['a principal twice in k-of', { licensees: `2-of("${key}","${key}")` }, ['repeated-principal']],
    ['a principal twice in a list', { licensees: `"${key}" || "x" || "${key}"` }, ['repeated-principal']],
    ['an unanchored expression', { conditions: `${base} && name ~= "openssl";` }, ['unanchored']],
    ['one alternative unanchored', { conditions: `${base} && name ~= "^a$|b";` }, ['unanchored']],
    ['an expression from outside', { conditions: `${base} && name ~= suite;` }, ['unanchored']],
    ['an expression that is none', { conditions: `${base} && name ~= "^(a$";` }, ['bad-expression']],
    ['a backslash that does nothing', { conditions: `${base} && name ~= "^a\\.b$";` }, ['escape']],
    ['a key in upper case', { licensees: `"pgp:${'A'.repeat(40)}"` }, ['principal']],
    ['POLICY as a licensee', { licensees: '"POLICY"' }, ['principal']],
    ['POLICY as the authorizer', { authorizer: '"POLICY"' }, ['authorizer']],
    ['an unknown value', { conditions: `${base} -> "yes";` }, ['value']],
    ['an unknown attribute', { conditions: `${base} && nmae == "x";` }, ['attribute']],
    ['a constant that hides an attribute', { constants: 'app_domain="gtpkg"' }, ['constant']],
  ] as const)
    test(name, () => assert.deepEqual(found(change), expected));
  test('is milder with the user’s own policy', () => {
    assert.deepEqual(found({ authorizer: '"POLICY"', conditions: 'app_domain == "gtpkg";' }, 'policy'), []);
    assert.deepEqual(
      found(
        { authorizer: '"REQUIRE x"', licensees: undefined, conditions: 'app_domain == "gtpkg";' },
        'policy',
      ),
      [],
    );
    assert.deepEqual(
      found({ authorizer: '"POLICY"', licensees: undefined, conditions: 'app_domain == "gtpkg";' }, 'policy'),
      ['licensees'],
    );
    assert.deepEqual(found({ conditions: 'app_domain == "gtpkg";' }, 'policy'), ['authorizer']);
  });
});
