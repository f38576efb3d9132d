/**
 * The trust machine: what it accepts, and the checks that no attack of test/attacks shows. Each refusal: honest state, attack, code, trust unmoved.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, limits, type ErrorCode, type Oid, type Sha256 } from '../../model/index.js';
import { encodeTree, parseTree, type GitObject } from '../../git/objects.js';
import type { PublicKey } from '../../trust/index.js';
import { formatShard, shardPath } from '../../index-repo/entry.js';
import { computeIds } from '../../index-repo/object-ids.js';
import { parseState } from '../../index-repo/state.js';
import { TrustedIndex, type IndexUpdate } from '../../index-repo/trusted-index.js';
import { Chain, introduce, makeEntry, makeSigner, type CommitPlan, type TestSigner } from './support.js';

const DAY = 86_400_000;
const seconds = (time: number): Date => new Date(Math.floor(time / 1000) * 1000);

let ada: TestSigner;
let bob: TestSigner;
let eve: TestSigner;
let eva: TestSigner;

before(async () => {
  [ada, bob, eve, eva] = (await Promise.all(
    ['Ada', 'Bob', 'Eve', 'Eva'].map((name) => makeSigner(name)),
  )) as [TestSigner, TestSigner, TestSigner, TestSigner];
});

const shard = (version: string): Record<string, Buffer> => ({
  [`suites/stable/amd64/${shardPath('hello')}`]: formatShard([makeEntry('hello', version, ada.fingerprint)]),
});

/** An honest index by Ada with two states, and the client that trusts the second. */
async function honest(): Promise<{ chain: Chain; trusted: TrustedIndex }> {
  const chain = new Chain();
  await chain.commit({ signers: [ada] });
  await chain.commit({ signers: [ada], files: shard('1') });
  const trusted = await TrustedIndex.start(introduce([ada.fingerprint])).update(chain.update());
  assert.equal(trusted.head?.sequence, 2);
  return { chain, trusted };
}

/** Asserts the refusal and that nothing moved. */
async function refused(trusted: TrustedIndex, update: IndexUpdate, code: ErrorCode): Promise<GtpkgError> {
  const state = JSON.stringify(trusted);
  let error: unknown;
  try {
    const moved = await trusted.update(update);
    assert.fail(`accepted ${moved.head?.sequence}, ${code} expected`);
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof GtpkgError)) throw error;
  assert.equal(error.code, code, `${error.code}: ${error.message}`);
  assert.equal(JSON.stringify(trusted), state, 'trust moved');
  return error;
}

describe('an honest index', () => {
  test('is trusted from its anchor on, one commit or many at once', async () => {
    const { chain, trusted } = await honest();
    await chain.commit({ signers: [ada], files: shard('2') });
    const next = await trusted.update(chain.update({ commits: chain.commits.slice(2) }));
    assert.equal(next.head?.sequence, 3);
    assert.equal(next.head?.commit, chain.tip.oid);
    assert.deepEqual(next.head?.signers, [ada.fingerprint]);
    assert.equal(next.head?.anchor, chain.commits[0]?.oid);
    assert.equal(trusted.head?.sequence, 2, 'the old one is immutable');
    const all = await TrustedIndex.start(introduce([ada.fingerprint])).update(chain.update());
    assert.deepEqual(all.toJSON(), next.toJSON());
  });

  test('what is known already may be offered again', async () => {
    const { chain, trusted } = await honest();
    assert.equal(await trusted.update(chain.update()), trusted);
    assert.equal(await trusted.update(chain.update({ commits: [chain.tip] })), trusted);
    assert.equal(await trusted.update(chain.update({ commits: [] })), trusted);
  });

  test('its state survives as JSON and goes on', async () => {
    const { chain, trusted } = await honest();
    const state = parseState(JSON.parse(JSON.stringify(trusted)));
    const restored = await TrustedIndex.restore(state, (oid) => chain.objects.get(oid), new Map());
    assert.deepEqual(restored.toJSON(), trusted.toJSON());
    await chain.commit({ signers: [ada] });
    assert.equal((await restored.update(chain.update())).head?.sequence, 3);
    const lie = { ...state, headSha256: '0'.repeat(64) as Sha256 };
    await assert.rejects(
      TrustedIndex.restore(lie, (oid) => chain.objects.get(oid), new Map()),
      { code: 'INDEX_CORRUPT' },
    );
    assert.throws(() => parseState({ ...state, head: 'x' }), { code: 'INDEX_CORRUPT' });
  });

  test('k = 2 of 3: the commit and one co-signature are enough', async () => {
    const chain = new Chain();
    const three = [ada, bob, eve];
    const keys = three.map((signer) => signer.publicKey);
    const authorizations = {
      threshold: 2,
      since: 1,
      roots: three.map((signer) => signer.fingerprint).sort(),
    };
    await chain.commit({ signers: [ada, bob], keys, authorizations });
    await chain.commit({ signers: [eve, ada], files: shard('1') });
    const trusted = await TrustedIndex.start(introduce(authorizations.roots, 2)).update(chain.update());
    assert.deepEqual(trusted.head?.signers, [ada.fingerprint, eve.fingerprint].sort());
  });

  test('its middle may come without suites, bound by the signed Suites-SHA256; its end may not', async () => {
    const { chain } = await honest();
    await chain.commit({ signers: [ada], files: shard('2') });
    await chain.commit({ signers: [ada], files: shard('3') });
    const tip = below(chain, chain.tip.tree);
    const top = new Map(chain.objects);
    for (const commit of chain.commits.slice(0, -1))
      for (const oid of below(chain, commit.tree))
        if (!tip.has(oid) && isSuites(chain, commit.tree, oid)) top.delete(oid);
    assert.ok(top.size < chain.objects.size);
    const update = { ...chain.update(), lookup: (oid: Oid) => top.get(oid), ids: computeIds(top, new Map()) };
    const trusted = await TrustedIndex.start(introduce([ada.fingerprint])).update(update);
    assert.equal(trusted.head?.sequence, 4);
    const less = new Map([...top].filter(([oid]) => !isSuites(chain, chain.tip.tree, oid)));
    await refused(
      TrustedIndex.start(introduce([ada.fingerprint])),
      { ...update, ids: computeIds(less, new Map()) },
      'INDEX_CORRUPT',
    );
  });
});

function below(chain: Chain, tree: Oid): Set<Oid> {
  const found = new Set<Oid>([tree]);
  for (const entry of parseTree(chain.objects.get(tree)?.body ?? Buffer.alloc(0))) {
    if (entry.mode === '40000') for (const oid of below(chain, entry.oid)) found.add(oid);
    else found.add(entry.oid);
  }
  return found;
}

function isSuites(chain: Chain, tree: Oid, oid: Oid): boolean {
  const suites = parseTree(chain.objects.get(tree)?.body ?? Buffer.alloc(0)).find(
    (entry) => entry.name === 'suites',
  );
  return suites !== undefined && below(chain, suites.oid).has(oid);
}

describe('signatures', () => {
  test('signature and header mangled in every byte are refused, never accepted', async () => {
    const { chain, trusted } = await honest();
    await chain.commit({ signers: [ada] });
    const { body } = chain.tip.object;
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const evil = Buffer.from(body);
        evil[at] = (evil[at] ?? 0) ^ flip;
        const update = { ...chain.update(), commits: [{ type: 'commit' as const, body: evil }] };
        await assert.rejects(
          trusted.update(update),
          (error) => error instanceof GtpkgError && error.exit === 5,
        );
      }),
      { numRuns: 60 },
    );
    assert.equal((await trusted.update(chain.update())).head?.sequence, 3);
  });

  test('key expired: its new head is refused, the commits it signed before stay good', async () => {
    const start = Date.now() - 20 * DAY;
    const old = await makeSigner('Old', { date: seconds(start), expiresIn: (10 * DAY) / 1000 });
    const dates = (day: number) => ({
      date: seconds(start + day * DAY),
      validUntil: seconds(start + 60 * DAY),
    });
    const chain = new Chain();
    await chain.commit({ signers: [old.at(seconds(start + DAY))], distribution: dates(1) });
    const start1 = TrustedIndex.start(introduce([old.fingerprint]));
    await refused(start1, chain.update(), 'SIGNER_EXPIRED');
    const trusted = await start1.update(chain.update({ now: new Date(start + 2 * DAY) }));
    // day 3: the roots change, in time; day 15: the new root goes on
    await chain.commit({
      signers: [old.at(seconds(start + 3 * DAY)), bob],
      keys: [bob.publicKey],
      authorizations: { roots: [bob.fingerprint], since: 2 },
      distribution: dates(3),
    });
    await chain.commit({ signers: [bob], distribution: dates(15) });
    assert.equal((await trusted.update(chain.update())).head?.sequence, 3);
    assert.equal(
      (await TrustedIndex.start(introduce([old.fingerprint])).update(chain.update())).head?.sequence,
      3,
    );
    // but who holds the expired key cannot go back in time past a parent that is younger than its end
    const evil = chain.branch(1);
    await evil.commit({ signers: [old.at(seconds(start + 9 * DAY))], distribution: dates(9) });
    await evil.commit({ signers: [old.at(seconds(start + 9 * DAY))], distribution: dates(19) });
    await refused(trusted, evil.update(), 'SIGNER_EXPIRED');
    const later = chain.branch(1);
    await later.commit({ signers: [old.at(seconds(start + 9 * DAY))], distribution: dates(12) });
    await later.commit({
      signers: [old.at(seconds(start + 9 * DAY)), eve],
      keys: [eve.publicKey],
      authorizations: { roots: [eve.fingerprint], since: 3 },
      distribution: dates(9),
    });
    await later.commit({ signers: [eve], distribution: dates(19) });
    await refused(trusted, later.update(), 'SIGNER_EXPIRED');
  });

  test('an expired key cannot go back in time behind a younger parent', async () => {
    const start = Date.now() - 20 * DAY;
    const old = await makeSigner('Old', { date: seconds(start), expiresIn: (10 * DAY) / 1000 });
    const dates = (day: number) => ({
      date: seconds(start + day * DAY),
      validUntil: seconds(start + 60 * DAY),
    });
    const chain = new Chain();
    const authorizations = { threshold: 1, since: 1, roots: [old.fingerprint, bob.fingerprint].sort() };
    const keys = [old.publicKey, bob.publicKey];
    await chain.commit({ signers: [bob], keys, authorizations, distribution: dates(1) });
    await chain.commit({ signers: [bob], distribution: dates(15) });
    const trusted = await TrustedIndex.start(introduce(authorizations.roots)).update(chain.update());
    // dated day 9, when the key was good; but its parent is of day 15
    const late = old.at(seconds(start + 9 * DAY));
    const roots = [eve.fingerprint];
    await chain.commit({
      signers: [late, eve],
      keys: [eve.publicKey],
      authorizations: { roots, since: 3 },
      distribution: dates(9),
    });
    await chain.commit({ signers: [eve], distribution: dates(19) });
    await refused(trusted, chain.update(), 'SIGNER_EXPIRED');
  });
});

describe('change of roots', () => {
  const rotation = (since: number) => ({
    keys: [bob.publicKey],
    authorizations: { roots: [bob.fingerprint], since },
  });

  test('by the old threshold and the new one, committed by either side', async () => {
    for (const signers of [
      [ada, bob],
      [bob, ada],
    ]) {
      const { chain, trusted } = await honest();
      await chain.commit({ signers, ...rotation(3) });
      const next = await trusted.update(chain.update());
      assert.deepEqual(next.head?.roots, [bob.fingerprint]);
      await chain.commit({ signers: [bob] });
      assert.equal((await next.update(chain.update())).head?.sequence, 4);
      // a new client with the old introduction follows
      assert.equal(
        (await TrustedIndex.start(introduce([ada.fingerprint])).update(chain.update())).head?.sequence,
        4,
      );
      // one with the new introduction begins at the change
      const late = chain.update({ commits: chain.commits.slice(2) });
      assert.equal((await TrustedIndex.start(introduce([bob.fingerprint])).update(late)).head?.sequence, 4);
    }
  });

  test('Since must name the commit that changed the roots, and not change without', async () => {
    const { chain, trusted } = await honest();
    const wrong = chain.branch();
    await wrong.commit({ signers: [ada, bob], ...rotation(2) });
    await refused(trusted, wrong.update(), 'INDEX_MALFORMED');
    await chain.commit({ signers: [ada], authorizations: { since: 3 } });
    await refused(trusted, chain.update(), 'INDEX_MALFORMED');
  });

  test('a root without key file, a key file under another’s name, a key file that is no key', async () => {
    const missing = (await honest()).chain;
    await missing.commit({ signers: [ada, bob], authorizations: { roots: [bob.fingerprint], since: 3 } });
    const { chain, trusted } = await honest();
    const files = { [`keys/${eve.fingerprint}.asc`]: Buffer.from(bob.publicKey.armored) };
    await chain.commit({ signers: [ada], files });
    await refused(trusted, chain.update(), 'INDEX_MALFORMED');
    const noise = (await honest()).chain;
    await noise.commit({ signers: [ada], files: { [`keys/${eve.fingerprint}.asc`]: Buffer.from('no key') } });
    const own = await TrustedIndex.start(introduce([ada.fingerprint])).update(
      noise.update({ commits: noise.commits.slice(0, 2) }),
    );
    await refused(own, noise.update(), 'KEY_MALFORMED');
    const none = await TrustedIndex.start(introduce([ada.fingerprint])).update(
      missing.update({ commits: missing.commits.slice(0, 2) }),
    );
    await refused(none, missing.update(), 'INDEX_MALFORMED');
  });
});

describe('introductions', () => {
  test('another threshold than the index has', async () => {
    const chain = new Chain();
    const authorizations = { threshold: 1, since: 1, roots: [ada.fingerprint, bob.fingerprint].sort() };
    await chain.commit({ signers: [ada, bob], authorizations });
    await refused(
      TrustedIndex.start(introduce(authorizations.roots, 2)),
      chain.update(),
      'INTRODUCTION_MISMATCH',
    );
  });
});

describe('time', () => {
  test('expired snapshot: what is trusted stays trusted, but is not to be used', async () => {
    const { trusted } = await honest();
    const late = new Date(Date.now() + 31 * DAY);
    assert.throws(() => trusted.checkFresh(late), { code: 'INDEX_EXPIRED' });
    trusted.checkFresh(new Date());
    assert.equal(trusted.head?.sequence, 2);
  });

  test('an expired commit in the middle is no hindrance', async () => {
    const { chain, trusted } = await honest();
    const long = seconds(Date.now() + 90 * DAY);
    await chain.commit({ signers: [ada], distribution: { validUntil: long } });
    const next = await trusted.update(chain.update({ now: new Date(Date.now() + 60 * DAY) }));
    assert.equal(next.head?.sequence, 3);
  });
});

describe('lineage', () => {
  test('a gap, or commits in disorder', async () => {
    const { chain, trusted } = await honest();
    for (let i = 0; i < 3; i++) await chain.commit({ signers: [ada] });
    const [, , three, four, five] = chain.commits;
    assert.ok(three && four && five);
    await refused(trusted, chain.update({ commits: [four, five] }), 'INDEX_NOT_DESCENDANT');
    await refused(trusted, chain.update({ commits: [three, five] }), 'INDEX_NOT_DESCENDANT');
    await refused(trusted, chain.update({ commits: [four, three] }), 'INDEX_NOT_DESCENDANT');
  });

  describe('recovery from a line that was signed with stolen keys', () => {
    // 2 of 4 roots; Eve and Eva have stolen each other's keys, say: the keys of Ada and Bob
    const keys = () => [ada, bob, eve, eva].map(({ publicKey }) => publicKey);
    const roots = () => [ada, bob, eve, eva].map(({ fingerprint }) => fingerprint);
    const both =
      (a: Chain, b: Chain) =>
      (oid: Oid): GitObject | undefined =>
        a.objects.get(oid) ?? b.objects.get(oid);
    const begin = async (): Promise<Chain> => {
      const chain = new Chain();
      const authorizations = { threshold: 2, since: 1, roots: roots() };
      await chain.commit({ signers: [ada, bob], keys: keys(), authorizations });
      return chain;
    };
    const offered = (theirs: Chain, ours: Chain): IndexUpdate => ({
      ...theirs.update(),
      cosignatures: [...theirs.tags, ...ours.tags],
      lookup: both(theirs, ours),
    });
    const start = (): TrustedIndex => TrustedIndex.start(introduce(roots(), 2));
    /** the honest owners rotate the two stolen keys out, and show that they are compromised */
    const rotate = async (base: Chain, revoked: readonly PublicKey[]): Promise<Chain> => {
      const honest = base.branch(1);
      await honest.commit({
        signers: [eve, eva],
        keys: revoked,
        authorizations: { threshold: 2, since: 2, roots: [eve.fingerprint, eva.fingerprint] },
      });
      return honest;
    };
    const runAhead = async (base: Chain, more: CommitPlan = { signers: [ada, bob] }): Promise<Chain> => {
      const stolen = base.branch(1);
      await stolen.commit({ ...more, files: shard('666') });
      for (let i = 0; i < 3; i++) await stolen.commit({ signers: [ada, bob] });
      return stolen;
    };

    test('a client that followed it (fast-forward) comes back, though the number falls', async () => {
      const base = await begin();
      const stolen = await runAhead(base);
      const client = await start().update(stolen.update());
      assert.equal(client.head?.sequence, 5);
      const honest = await rotate(base, [await ada.revoked(), await bob.revoked()]);
      const back = await client.update(offered(honest, stolen));
      assert.deepEqual([back.head?.sequence, back.head?.commit], [2, honest.tip.oid]);
      assert.equal(back.head?.anchor, base.commits[0]?.oid);
      await honest.commit({ signers: [eva, eve] });
      assert.equal((await back.update(honest.update())).head?.sequence, 3);
      // and never again to the false line
      const error = await refused(back, offered(stolen, honest), 'INDEX_NOT_DESCENDANT');
      assert.equal(error.data['reason'], 'SIGNER_REVOKED');
    });

    test('one revocation is enough when it takes the false line below the threshold', async () => {
      const base = await begin();
      const stolen = await runAhead(base);
      const client = await start().update(stolen.update());
      const honest = base.branch(1);
      const without = [bob, eve, eva].map(({ fingerprint }) => fingerprint);
      await honest.commit({
        signers: [eve, eva],
        keys: [await ada.revoked()],
        authorizations: { threshold: 2, since: 2, roots: without },
      });
      assert.equal((await client.update(offered(honest, stolen))).head?.sequence, 2);
    });

    test('without revocations, or with soft ones, it stays equivocation', async () => {
      const base = await begin();
      const stolen = await runAhead(base);
      const client = await start().update(stolen.update());
      for (const shown of [[], [await ada.revoked('retired'), await bob.revoked('retired')]]) {
        const honest = await rotate(base, shown);
        await refused(client, offered(honest, stolen), 'INDEX_EQUIVOCATION');
      }
    });

    test('a thief cannot lead away from the honest line by revoking what he stole', async () => {
      const base = await begin();
      const honest = base.branch(1);
      await honest.commit({ signers: [eve, ada] });
      const client = await start().update(honest.update());
      // Ada's revocation takes one signature from either line
      const once = base.branch(1);
      await once.commit({ signers: [ada, bob], keys: [await ada.revoked()], files: shard('666') });
      await refused(client, offered(once, honest), 'INDEX_EQUIVOCATION');
    });

    test('co-signatures of the known line that are not at hand never make it fall', async () => {
      const base = await begin();
      const stolen = await runAhead(base);
      const client = await start().update(stolen.update());
      const honest = await rotate(base, [await ada.revoked(), await bob.revoked()]);
      await refused(client, { ...honest.update(), lookup: both(honest, stolen) }, 'INDEX_EQUIVOCATION');
    });
  });

  test('a message that names another state than its tree', async () => {
    for (const message of [{ sequence: 4 }, { name: 'other' }]) {
      const { chain, trusted } = await honest();
      await chain.commit({ signers: [ada], message });
      await refused(trusted, chain.update(), 'INDEX_MALFORMED');
    }
  });

  test('the name changes', async () => {
    const { chain, trusted } = await honest();
    await chain.commit({ signers: [ada], distribution: { name: 'other' } });
    await refused(trusted, chain.update(), 'INDEX_MALFORMED');
  });
});

describe('trees', () => {
  test('tampered distribution, authorizations, key or tree behind an unchanged SHA-1 id', async () => {
    for (const name of ['distribution', 'authorizations', 'keys', 'suites']) {
      const { chain } = await honest();
      const entry = parseTree(chain.objects.get(chain.tip.tree)?.body ?? Buffer.alloc(0)).find(
        (one) => one.name === name,
      );
      assert.ok(entry);
      const object = chain.objects.get(entry.oid);
      assert.ok(object);
      const body =
        object.type === 'tree'
          ? encodeTree(
              parseTree(object.body).map((one) => ({
                ...one,
                oid: chain.put(one.mode === '40000' ? 'tree' : 'blob', Buffer.alloc(0)),
              })),
            )
          : Buffer.from(
              object.body
                .toString()
                .replace('Threshold: 1', 'Threshold: 1\nX: y')
                .replace('Suites: stable', 'Suites: stable evil'),
            );
      chain.objects.set(entry.oid, { type: object.type, body });
      const start = TrustedIndex.start(introduce([ada.fingerprint]));
      const state = JSON.stringify(start);
      await assert.rejects(
        start.update(chain.update()),
        (error) => error instanceof GtpkgError && error.exit === 5,
        name,
      );
      assert.equal(JSON.stringify(start), state);
    }
  });

  test('missing objects', async () => {
    const { chain } = await honest();
    const start = TrustedIndex.start(introduce([ada.fingerprint]));
    for (const entry of parseTree(chain.objects.get(chain.tip.tree)?.body ?? Buffer.alloc(0))) {
      const objects = new Map(chain.objects);
      objects.delete(entry.oid);
      const update = {
        ...chain.update(),
        lookup: (oid: Oid) => objects.get(oid),
        ids: computeIds(objects, new Map()),
      };
      await refused(start, update, 'INDEX_CORRUPT');
    }
  });

  test('something at the top that does not belong there', async () => {
    for (const files of [
      { extra: Buffer.from('x') },
      { 'policy/x': Buffer.from('x') },
      { 'keys/x.asc': Buffer.from('x') },
      { 'keys/sub/x': Buffer.from('x') },
    ]) {
      const { chain, trusted } = await honest();
      await chain.commit({ signers: [ada], files });
      await refused(trusted, chain.update(), 'INDEX_MALFORMED');
    }
  });

  test('malformed distribution and authorizations', async () => {
    const { chain, trusted } = await honest();
    const distribution =
      chain.objects
        .get(
          parseTree(chain.objects.get(chain.tip.tree)?.body ?? Buffer.alloc(0)).find(
            (one) => one.name === 'distribution',
          )?.oid as Oid,
        )
        ?.body.toString() ?? '';
    const broken: Record<string, [string, string][]> = {
      distribution: [
        ['Format: gtpkg-index 1', 'Format: gtpkg-index 2'],
        ['Sequence: 2', 'Sequence: 03'],
        ['Sequence: 2', 'Sequence: 3e0'],
        ['Name: test', 'Name: ../x'],
        ['Suites: stable', 'Suites: ../x'],
        ['Suites: stable', 'Suites:'],
        ['Valid-Until', 'X-Until'],
        ['Index-Core', 'X-Core'],
        ['Date: 2', 'Date: 3x'],
      ],
    };
    for (const [from, to] of broken['distribution'] ?? []) {
      const evil = chain.branch();
      const text = distribution
        .replace('Sequence: 2', 'Sequence: 3')
        .replace(from.replace('2', '3'), to)
        .replace(from, to);
      await evil.commit({ signers: [ada], files: { distribution: Buffer.from(text) } });
      await refused(trusted, evil.update(), 'INDEX_MALFORMED');
    }
    for (const text of [
      '',
      'Format: gtpkg-authorizations 1\n',
      `Format: gtpkg-authorizations 1\nThreshold: 0\nSince: 1\nRoots:\n ${ada.fingerprint}\n`,
      'x'.repeat(limits.MAX_INDEX_FILE + 1),
    ]) {
      const evil = chain.branch();
      await evil.commit({ signers: [ada], files: { authorizations: Buffer.from(text) } });
      await refused(trusted, evil.update(), text.length > 1000 ? 'LIMIT_EXCEEDED' : 'INDEX_MALFORMED');
    }
    const twice = chain.branch();
    const roots = `\n ${ada.fingerprint}\n ${ada.fingerprint}`;
    await twice.commit({
      signers: [ada],
      files: {
        authorizations: Buffer.from(
          `Format: gtpkg-authorizations 1\nThreshold: 2\nSince: 1\nRoots:${roots}\n`,
        ),
      },
    });
    await refused(trusted, twice.update(), 'INDEX_MALFORMED');
  });

  test('endless data: a commit, or more commits, than the bounds allow', async () => {
    const { chain, trusted } = await honest();
    const big = { type: 'commit' as const, body: Buffer.alloc(limits.MAX_INDEX_COMMIT + 1) };
    await refused(trusted, { ...chain.update(), commits: [big] }, 'LIMIT_EXCEEDED');
    const many = Array.from({ length: limits.MAX_UPDATE_COMMITS + 1 }, () => chain.tip.object);
    await refused(trusted, { ...chain.update(), commits: many }, 'LIMIT_EXCEEDED');
  });
});

describe('forks', () => {
  async function forked(): Promise<{ chain: Chain; upstream: TrustedIndex }> {
    const { chain, trusted } = await honest();
    const parent = chain.tip.oid;
    await chain.commit({
      signers: [bob],
      keys: [bob.publicKey],
      authorizations: { roots: [bob.fingerprint], since: 3 },
      distribution: {
        name: 'fork',
        forkedFrom: `gtpkg://${chain.tip.distribution.indexCore}#${ada.fingerprint}`,
        forkedCommit: parent,
      },
    });
    await chain.commit({ signers: [bob], files: shard('2') });
    return { chain, upstream: trusted };
  }

  test('a new client needs the fork’s introduction only', async () => {
    const { chain } = await forked();
    const trusted = await TrustedIndex.start(introduce([bob.fingerprint])).update(
      chain.update({ commits: chain.commits.slice(2) }),
    );
    assert.equal(trusted.head?.name, 'fork');
    assert.equal(trusted.head?.sequence, 4);
    assert.equal(trusted.head?.anchor, chain.commits[2]?.oid);
    assert.equal(trusted.head?.forkedCommit, chain.commits[1]?.oid);
  });

  test('a client of upstream does not follow the fork', async () => {
    const { chain, upstream } = await forked();
    await refused(upstream, chain.update(), 'SIGNER_UNKNOWN');
  });

  test('a client of the fork does not follow upstream', async () => {
    const { chain } = await forked();
    const trusted = await TrustedIndex.start(introduce([bob.fingerprint])).update(
      chain.update({ commits: chain.commits.slice(2) }),
    );
    const upstream = chain.branch(2);
    await upstream.commit({ signers: [ada] });
    await refused(trusted, upstream.update(), 'INDEX_NOT_DESCENDANT');
  });
});
