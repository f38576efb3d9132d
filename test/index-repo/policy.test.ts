/**
 * `policy/` in an index: bound to the signed tree, bounded, believed only as far as its authors' keys go. docs/formats/index.md §12.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { Repository } from '../../git/repository.js';
import {
  changeIndex,
  copyIndex,
  createIndex,
  forkIndex,
  headOf,
  indexLog,
  publishIndex,
  readIndexPolicy,
  syncIndex,
  TrustedIndex,
  type IndexChange,
} from '../../index-repo/index.js';
import { parseAssertions, principalOf, signAssertion } from '../../trust/keynote/index.js';
import { inTemp } from '../git/support.js';
import { refused } from '../trust/support.js';
import { Chain, coreKey, introduce, makeSigner, MemoryLog, type TestSigner } from './support.js';

let ada: TestSigner;
let bob: TestSigner;
let eve: TestSigner;
before(async () => {
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => makeSigner(name)))) as [
    TestSigner,
    TestSigner,
    TestSigner,
  ];
});

const delegation = (by: TestSigner, to: TestSigner): string =>
  `Authorizer: "${principalOf(by.fingerprint)}"\nLicensees: "${principalOf(to.fingerprint)}"\nConditions: app_domain == "gtpkg";\n`;
async function signed(by: TestSigner, to: TestSigner): Promise<Buffer> {
  const [assertion] = parseAssertions(delegation(by, to), 'test').assertions;
  assert.ok(assertion !== undefined);
  return Buffer.from(await signAssertion(assertion, by), 'latin1');
}
const set = (name: string, bytes: Buffer | undefined): IndexChange => ({ kind: 'policy', name, bytes });

describe('the trust machine', () => {
  const trusted = async (files: Record<string, Buffer | undefined>): Promise<TrustedIndex> => {
    const chain = new Chain();
    await chain.commit({ signers: [ada] });
    const start = await TrustedIndex.start(introduce([ada.fingerprint])).update(chain.update());
    await chain.commit({ signers: [ada], files });
    return start.update(chain.update());
  };
  test('takes a policy that is within its bounds', async () => {
    const index = await trusted({
      'policy/a.kn': Buffer.from('whatever'),
      'policy/lib+x-1.0_b.kn': Buffer.alloc(limits.MAX_POLICY_FILE),
    });
    assert.equal(index.head?.sequence, 2);
  });
  for (const name of [
    'policy/a.txt',
    'policy/A.kn',
    'policy/.kn',
    'policy/a.kn/b.kn',
    `policy/${'a'.repeat(70)}.kn`,
    'policy',
  ])
    test(`refuses ${name.slice(0, 20)}`, async () =>
      void (await refused('INDEX_MALFORMED', () => trusted({ [name]: Buffer.from('x') }))));
  test('refuses a file that is too large, and too many', async () => {
    await refused('LIMIT_EXCEEDED', () =>
      trusted({ 'policy/a.kn': Buffer.alloc(limits.MAX_POLICY_FILE + 1) }),
    );
    const many = Array.from(
      { length: limits.MAX_POLICY_FILES + 1 },
      (_, i) => [`policy/p${i}.kn`, Buffer.from('x')] as const,
    );
    await refused('LIMIT_EXCEEDED', () => trusted(Object.fromEntries(many)));
  });
  test('refuses one that is not the signed one', async () => {
    const chain = new Chain();
    await chain.commit({ signers: [ada] });
    const start = await TrustedIndex.start(introduce([ada.fingerprint])).update(chain.update());
    const honest = await chain.commit({ signers: [ada], files: { 'policy/a.kn': Buffer.from('honest') } });
    const message = { tree: /Tree-SHA256: ([0-9a-f]{64})/.exec(honest.object.body.toString())?.[1] as never };
    const forged = chain.branch(1);
    await forged.commit({ signers: [ada], files: { 'policy/a.kn': Buffer.from('forged') }, message });
    await refused('INDEX_CORRUPT', () => start.update(forged.update()));
  });
});

test('travels to clients, old and new ones, and counts as far as its signers do', async () => {
  await inTemp(async (dir) => {
    const [own, log, now] = [`${dir}/own.git`, new MemoryLog(), new Date()];
    const publish = async (changes: IndexChange[]): Promise<void> => {
      await changeIndex(own, { changes, signers: [ada], now });
      await publishIndex(own, { log, putCore: log.putCore });
    };
    const client = async (name: string) => {
      await syncIndex({
        dir: `${dir}/${name}.git`,
        statePath: `${dir}/${name}.json`,
        introduction: introduce([ada.fingerprint]),
        now,
        log,
        fetchCore: log.fetchCore,
      });
      const repository = await Repository.open(`${dir}/${name}.git`);
      return readIndexPolicy(repository, await headOf(repository), now);
    };
    await createIndex(own, {
      name: 'test',
      suites: ['stable'],
      roots: [ada],
      indexCore: coreKey('log'),
      now,
    });
    await publishIndex(own, { log, putCore: log.putCore });
    assert.equal((await client('old')).delegates, false);

    await publish([{ kind: 'key', publicKey: bob.publicKey }, set('bob.kn', await signed(ada, bob))]);
    await publish([
      set(
        'more.kn',
        Buffer.concat([
          await signed(bob, eve),
          Buffer.from('\nAuthorizer: "POLICY"\n\nAuthorizer: (\n\n'),
          await signed(eve, eve),
        ]),
      ),
    ]);
    for (const name of ['old', 'new']) {
      const policy = await client(name);
      assert.deepEqual([policy.delegates, policy.threshold, policy.roots], [true, 1, [ada.fingerprint]]);
      assert.deepEqual(
        policy.delegations.map(({ where }) => where),
        ['policy/bob.kn:1', 'policy/more.kn:1'],
      );
      // somebody who claims POLICY, something that is not KeyNote, and a key that is not in the index
      assert.deepEqual(policy.void.map(({ where }) => where).sort(), [
        'policy/more.kn:10',
        'policy/more.kn:6',
        'policy/more.kn:8',
      ]);
    }
    await publish([set('more.kn', undefined)]);
    await publish([set('bob.kn', undefined)]);
    assert.equal((await client('old')).delegates, false);
    const changes: string[] = [];
    for await (const entry of indexLog(own)) changes.push(...entry.changes);
    assert.ok(changes.includes('set policy bob.kn') && changes.includes('remove policy bob.kn'));
    await assert.rejects(publish([set('../x.kn', Buffer.from('x'))]), { code: 'BAD_NAME' });
  });
});

test('a fork begins without upstream’s policy', async () => {
  await inTemp(async (dir) => {
    const [own, fork, now] = [`${dir}/own.git`, `${dir}/fork.git`, new Date()];
    await createIndex(own, {
      name: 'test',
      suites: ['stable'],
      roots: [ada],
      indexCore: coreKey('log'),
      now,
    });
    const { commit } = await changeIndex(own, {
      changes: [set('bob.kn', await signed(ada, bob))],
      signers: [ada],
      now,
    });
    await copyIndex(own, fork, commit);
    await forkIndex(fork, {
      name: 'fork',
      roots: [bob],
      indexCore: coreKey('fork'),
      forkedFrom: introduce([ada.fingerprint]),
      now,
    });
    const repository = await Repository.open(fork);
    assert.equal((await readIndexPolicy(repository, await headOf(repository), now)).delegates, false);
  });
});
