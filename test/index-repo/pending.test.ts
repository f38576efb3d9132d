/**
 * k of n roots on different machines: proposals, co-signatures on their way, and what nobody may see before enough have signed.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { Repository } from '../../git/repository.js';
import {
  changeIndex,
  cosignaturesIn,
  createIndex,
  decodeNotice,
  diffIndex,
  dropPending,
  encodeCosignatures,
  encodeProposal,
  indexLog,
  judgeNotice,
  pendingCommits,
  publishIndex,
  settlePending,
  signPending,
  syncIndex,
  takeCosignatures,
  takeProposal,
  type IndexChange,
} from '../../index-repo/index.js';
import type { Introduction } from '../../model/index.js';
import type { Signer } from '../../trust/index.js';
import { git, inTemp, lacks } from '../git/support.js';
import { coreKey, introduce, makeEntry, makeSigner, MemoryLog, type TestSigner } from './support.js';

let ada: TestSigner;
let bob: TestSigner;
let eve: TestSigner;
let introduction: Introduction;

before(async () => {
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => makeSigner(name)))) as [
    TestSigner,
    TestSigner,
    TestSigner,
  ];
  introduction = introduce(
    [ada, bob, eve].map(({ fingerprint }) => fingerprint),
    2,
  );
});

/** Ada keeps the index and has its log; Bob follows it. */
class Scene {
  readonly log = new MemoryLog();
  readonly keeper: string;
  readonly root: string;

  constructor(readonly temp: string) {
    this.keeper = join(temp, 'keeper');
    this.root = join(temp, 'root.git');
  }

  static async make(temp: string): Promise<Scene> {
    const scene = new Scene(temp);
    await createIndex(scene.keeper, {
      name: 'test',
      suites: ['stable'],
      roots: [ada],
      rootKeys: [ada, bob, eve].map(({ publicKey }) => publicKey),
      threshold: 2,
      indexCore: coreKey('log'),
      now: new Date(),
    });
    return scene;
  }

  get judge(): { introduction: Introduction; now: Date } {
    return { introduction, now: new Date() };
  }

  async publish(): Promise<number> {
    const { published } = await settlePending(this.keeper, this.judge);
    if (published > 0) await publishIndex(this.keeper, { log: this.log, putCore: this.log.putCore });
    return published;
  }

  async propose(version: string, signers: readonly Signer[] = [ada]): Promise<Buffer> {
    const changes: IndexChange[] = [
      { kind: 'add', suite: 'stable', entry: makeEntry('hello', version, ada.fingerprint) },
    ];
    const made = await changeIndex(this.keeper, { changes, signers, now: new Date() });
    assert.equal(made.pending, true);
    return (await encodeProposal(this.keeper, this.log.putCore)) as Buffer;
  }

  take(proposal: Buffer, dir = this.root): ReturnType<typeof takeProposal> {
    return takeProposal(proposal, { dir, ...this.judge, fetchCore: this.log.fetchCore });
  }

  /** Bob signs what is pending at his place; the notice that goes back. */
  async signed(signer: TestSigner = bob, dir = this.root): Promise<Buffer> {
    const { tags, signed } = await signPending(dir, [signer], this.judge);
    const last = signed.at(-1);
    assert.ok(last);
    return encodeCosignatures(last, tags);
  }

  follow(dir = this.root): ReturnType<typeof syncIndex> {
    const { log } = this;
    return syncIndex({
      dir,
      statePath: `${dir}.state`,
      introduction,
      now: new Date(),
      log,
      fetchCore: log.fetchCore,
    });
  }
}

describe('two of three roots', () => {
  test('from the first commit on: nobody sees it below the threshold, plain git agrees afterwards', () =>
    inTemp(async (temp) => {
      const scene = await Scene.make(temp);
      assert.equal(await scene.publish(), 0);
      assert.equal(scene.log.length, 0, 'nothing reached the log');
      const first = (await encodeProposal(scene.keeper, scene.log.putCore)) as Buffer;
      const [pending] = (await scene.take(first)) ?? [];
      assert.deepEqual(pending?.signers, [ada.fingerprint]);
      assert.deepEqual(pending.missing, [bob.fingerprint, eve.fingerprint].sort());
      await takeCosignatures(scene.keeper, await cosignaturesIn(await scene.signed()), scene.judge);
      assert.equal(await scene.publish(), 1);
      assert.equal((await scene.follow()).sequence, 1);

      // two changes on top of each other, signed together
      await scene.propose('1');
      const proposal = await scene.propose('2');
      assert.equal(await scene.publish(), 0);
      assert.equal((await scene.follow()).sequence, 1, 'a follower sees nothing of it');
      const two = await scene.take(proposal);
      assert.deepEqual(
        two?.map(({ sequence }) => sequence),
        [2, 3],
      );
      const told = await diffIndex(scene.root, two[0]?.commit, two[1]?.commit as never);
      assert.ok(told.some(({ what, name }) => what === 'release' && name === 'hello 2 (amd64) in stable'));
      const back = await scene.signed();
      assert.equal(await takeCosignatures(scene.keeper, await cosignaturesIn(back), scene.judge), 2);
      assert.equal(await takeCosignatures(scene.keeper, await cosignaturesIn(back), scene.judge), 0, 'once');
      assert.equal(await scene.publish(), 2);
      assert.equal((await scene.follow()).sequence, 3);
      const log = [];
      for await (const { sequence, signers, pending: waits } of indexLog(scene.root))
        log.push([sequence, signers.length, waits]);
      assert.deepEqual(log, [
        [3, 2, false],
        [2, 2, false],
        [1, 2, false],
      ]);
      assert.deepEqual(await pendingCommits(scene.keeper, scene.judge), []);
      if (lacks('git') === false)
        for (const dir of [scene.keeper, scene.root])
          assert.equal(git(dir, 'fsck', '--full', '--strict', '--no-dangling').trim(), '');
    }));

  test('two signatures by one root are one; a stranger’s are none; a proposal must stand on what is known', () =>
    inTemp(async (temp) => {
      const scene = await Scene.make(temp);
      const first = (await encodeProposal(scene.keeper, scene.log.putCore)) as Buffer;
      await assert.rejects(signPending(scene.keeper, [await makeSigner('Mallory')], scene.judge), {
        code: 'SIGNER_UNKNOWN',
      });
      assert.deepEqual((await signPending(scene.keeper, [ada], scene.judge)).signed, [], 'Ada has signed');
      assert.equal(await scene.publish(), 0);
      await scene.take(first);
      await takeCosignatures(scene.keeper, await cosignaturesIn(await scene.signed()), scene.judge);
      await scene.publish();
      const proposal = await scene.propose('1');
      // who does not know what it stands on cannot judge it
      await assert.rejects(scene.take(proposal, join(temp, 'late.git')), { code: 'OBJECT_CORRUPT' });
      await scene.follow();
      const repository = await Repository.open(scene.root);
      await repository.deleteRef('refs/heads/pending');
      for (let at = proposal.length - 30; at < proposal.length; at += 7) {
        const mangled = Buffer.from(proposal);
        mangled[at] = (mangled[at] ?? 0) ^ 1;
        await assert.rejects(scene.take(mangled));
        assert.equal(await repository.resolveRef('refs/heads/pending'), undefined);
      }
      await scene.take(proposal);
      const kept = [proposal];
      const context = { dir: scene.root, ...scene.judge, kept };
      assert.equal((await judgeNotice(proposal, context)).kind, 'proposal');
      const back = await scene.signed();
      assert.equal((await judgeNotice(back, context)).kind, 'cosignature');
      await assert.rejects(judgeNotice(back, { ...context, kept: [] }), { code: 'NOTICE_MALFORMED' });
      // a root of another index
      const other = await Scene.make(join(temp, 'other'));
      await assert.rejects(
        judgeNotice((await encodeProposal(other.keeper, scene.log.putCore)) as Buffer, context),
      );
      // once it is published, it is of the past
      await takeCosignatures(scene.keeper, await cosignaturesIn(back), scene.judge);
      await scene.publish();
      await scene.follow();
      assert.equal(await scene.take(proposal), undefined);
      await assert.rejects(judgeNotice(proposal, { ...context, kept: [] }), { code: 'NOTICE_MALFORMED' });
    }));

  test('nobody signs two commits with one number', () =>
    inTemp(async (temp) => {
      const scene = await Scene.make(temp);
      await signPending(scene.keeper, [bob], scene.judge);
      await scene.publish();
      await scene.follow();
      await scene.take(await scene.propose('1'));
      await scene.signed();
      // Ada takes it back, though her signature is out, and proposes something else with the same number
      await dropPending(scene.keeper);
      const second = await scene.propose('2');
      await scene.take(second);
      await assert.rejects(scene.signed(), (error: { code: string; data: { sequence: number } }) => {
        assert.deepEqual([error.code, error.data.sequence], ['DOUBLE_SIGNATURE', 2]);
        return true;
      });
    }));

  test('roots change by the old threshold and the new one; either side may propose', () =>
    inTemp(async (temp) => {
      const scene = await Scene.make(temp);
      await signPending(scene.keeper, [bob], scene.judge);
      await scene.publish();
      const mia = await makeSigner('Mia');
      const changes: IndexChange[] = [
        { kind: 'authorize', roots: [bob.publicKey, mia.publicKey], threshold: 2 },
      ];
      await changeIndex(scene.keeper, { changes, signers: [mia], now: new Date() });
      const waits = async () => (await pendingCommits(scene.keeper, scene.judge))[0];
      assert.deepEqual((await waits())?.signers, [mia.fingerprint]);
      await signPending(scene.keeper, [bob], scene.judge);
      assert.equal((await waits())?.complete, false, 'the new roots have signed, of the old ones only Bob');
      await signPending(scene.keeper, [eve], scene.judge);
      assert.equal(await scene.publish(), 1);
      assert.equal((await scene.follow()).sequence, 2);
      const large = await changeIndex(scene.keeper, {
        changes: Array.from({ length: 1200 }, (_, i) => ({
          kind: 'add' as const,
          suite: 'stable',
          entry: makeEntry(`package-${i}`, '1', mia.fingerprint),
        })),
        signers: [mia],
        now: new Date(),
      });
      assert.equal(large.pending, true);
      const proposal = (await encodeProposal(scene.keeper, scene.log.putCore)) as Buffer;
      assert.ok(decodeNotice(proposal).cores?.length === 1 && proposal.length < 5000);
      assert.equal((await scene.take(proposal))?.length, 1);
      await takeCosignatures(scene.keeper, await cosignaturesIn(await scene.signed()), scene.judge);
      assert.equal(await scene.publish(), 1);
    }));
});
