/**
 * From a publisher's index over a log to a client, and what a bad log or bad bytes can do: nothing.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { GtpkgError, limits, type Introduction, type Oid } from '../../model/index.js';
import { Repository } from '../../git/repository.js';
import {
  changeIndex,
  copyIndex,
  createIndex,
  decodeRecord,
  encodeRecord,
  forkBlocks,
  forkIndex,
  indexLog,
  listEntries,
  livePart,
  liveCores,
  needsSnapshot,
  publishIndex,
  readStoredIndex,
  syncIndex,
  viewIndex,
  type IndexChange,
  type StoredIndex,
  type SyncOptions,
} from '../../index-repo/index.js';
import { judgeEvidence } from '../../index-repo/evidence.js';
import { readEvidence, settleEvidence } from '../../index-repo/evidence-file.js';
import { git, inTemp, lacks } from '../git/support.js';
import { coreKey, introduce, makeEntry, makeSigner, MemoryLog, type TestSigner } from './support.js';

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

/** A publisher with a log. */
class Publisher {
  readonly dir: string;
  readonly log = new MemoryLog();
  readonly signer: TestSigner;

  constructor(dir: string, signer: TestSigner) {
    this.dir = dir;
    this.signer = signer;
  }

  static async create(dir: string, signer = ada): Promise<Publisher> {
    const publisher = new Publisher(dir, signer);
    await createIndex(dir, {
      name: 'test',
      suites: ['stable'],
      roots: [signer],
      indexCore: coreKey('log'),
      now: new Date(),
    });
    await publisher.publish();
    return publisher;
  }

  async add(version: string, ...names: string[]): Promise<void> {
    const changes = names.map((name): IndexChange => ({
      kind: 'add',
      suite: 'stable',
      entry: makeEntry(name, version, this.signer.fingerprint),
    }));
    await this.change(changes);
  }

  async change(changes: IndexChange[]): Promise<void> {
    await changeIndex(this.dir, { changes, signers: [this.signer], now: new Date(), refresh: true });
    await this.publish();
  }

  async publish() {
    return publishIndex(this.dir, { log: this.log, putCore: this.log.putCore });
  }
}

class Client {
  readonly dir: string;
  readonly statePath: string;
  readonly introduction: Introduction;

  constructor(base: string, introduction: Introduction) {
    this.dir = join(base, 'index.git');
    this.statePath = join(base, 'state');
    this.introduction = introduction;
  }

  sync(log: MemoryLog, more: Partial<SyncOptions> = {}) {
    const { dir, statePath, introduction } = this;
    return syncIndex({
      dir,
      statePath,
      introduction,
      now: new Date(),
      log,
      fetchCore: log.fetchCore,
      ...more,
    });
  }

  async list(): Promise<string[]> {
    const found: string[] = [];
    for await (const { entry } of listEntries(this.dir)) found.push(`${entry.pin.name} ${entry.pin.version}`);
    return found.sort();
  }

  /** All that is stored, but for evidence. */
  photo(): string[] {
    const base = join(this.dir, '..');
    return readdirSync(base, { recursive: true })
      .map((name) => join(base, String(name)))
      .filter((path) => statSync(path).isFile() && !path.endsWith('.equivocation'))
      .map((path) => `${path} ${readFileSync(path).toString('base64')}`)
      .sort();
  }

  /** Asserts that the log is refused and that nothing moved. */
  async refuses(log: MemoryLog, code: string, more: Partial<SyncOptions> = {}): Promise<GtpkgError> {
    const before = this.photo();
    let error: unknown;
    try {
      await this.sync(log, more);
      assert.fail(`accepted, ${code} expected`);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof GtpkgError)) throw error;
    assert.equal(error.code, code, `${error.code}: ${error.message}`);
    assert.deepEqual(this.photo(), before, 'trust or disk moved');
    return error;
  }
}

async function client(
  temp: string,
  name = 'client',
  introduction = introduce([ada.fingerprint]),
): Promise<Client> {
  await mkdir(join(temp, name));
  return new Client(join(temp, name), introduction);
}

const names = (count: number, prefix = 'pkg'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const records = (log: MemoryLog) => log.blocks.slice(1).map((block, i) => decodeRecord(block, i + 1));

describe('a client', () => {
  test('starts from nothing, then follows one record after the other', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      await publisher.add('1', 'hello', 'bye');
      const c = await client(temp);
      const first = await c.sync(publisher.log);
      assert.deepEqual({ ...first.entries }, { added: 2, removed: 0, changed: 0 });
      assert.deepEqual(
        [first.changed, first.previous, first.sequence, first.name],
        [true, undefined, 2, 'test'],
      );
      assert.deepEqual(await c.list(), ['bye 1', 'hello 1']);
      const before = publisher.log.length;
      await publisher.change([
        { kind: 'add', suite: 'stable', entry: makeEntry('hello', '2', ada.fingerprint) },
        { kind: 'remove', suite: 'stable', name: 'bye' },
      ]);
      publisher.log.reads.length = 0;
      const second = await c.sync(publisher.log);
      assert.deepEqual({ ...second.entries }, { added: 1, removed: 1, changed: 0 });
      assert.deepEqual([second.previous, second.sequence], [first.commit, 3]);
      assert.ok(
        publisher.log.reads.every((block) => block === 0 || block >= before - 1),
        'no old record is read',
      );
      const stored = await readStoredIndex(c.statePath);
      assert.deepEqual(
        [stored?.trusted.head, stored?.block, stored?.length],
        [second.commit, publisher.log.length - 1, publisher.log.length],
      );
    }));

  test('with nothing new reads two blocks, writes nothing, and needs no git and no openpgp', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      const c = await client(temp);
      await c.sync(publisher.log);
      const before = c.photo();
      publisher.log.reads.length = 0;
      const again = await c.sync(publisher.log);
      assert.deepEqual([again.changed, again.stale, again.bytes], [false, false, 0]);
      assert.deepEqual(publisher.log.reads.sort(), [0, publisher.log.length - 1]);
      assert.deepEqual(c.photo(), before);
    }));

  test('many records behind: incrementally, or from a snapshot when that is less', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      await publisher.add('1', ...names(40));
      const behind = await client(temp, 'behind');
      const old = await behind.sync(publisher.log);
      for (let i = 2; i < 12; i++) await publisher.add(String(i), ...names(20));
      const kinds = records(publisher.log).map((record) => record.kind);
      assert.ok(
        kinds.filter((kind) => kind === 'snapshot').length >= 2,
        `snapshots come in: ${kinds.join()}`,
      );
      const result = await behind.sync(publisher.log);
      assert.equal(result.previous, old.commit);
      const fresh = await client(temp, 'fresh');
      const other = await fresh.sync(publisher.log);
      assert.equal(result.commit, other.commit);
      assert.deepEqual(await behind.list(), await fresh.list());
      assert.ok(result.bytes <= other.bytes, 'never more than a new client reads');
      for (const one of [behind, fresh]) {
        assert.equal(await (await Repository.open(one.dir)).resolveRef('refs/heads/main'), result.commit);
        if (lacks('git') === false) {
          assert.equal(git(one.dir, 'fsck', '--full', '--strict', '--no-dangling').trim(), '');
          git(one.dir, 'log', 'main');
        }
        const seen = [];
        for await (const entry of indexLog(one.dir)) seen.push(entry.sequence);
        assert.deepEqual(seen, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 'the whole line of commits is there');
      }
      await publisher.add('50', 'last');
      for (const one of [behind, fresh]) assert.equal((await one.sync(publisher.log)).sequence, 13);
      assert.equal((await client(temp, 'late').then((one) => one.sync(publisher.log))).sequence, 13);
    }));

  test('a part of a log brings a client on whose own record is not in it', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      await publisher.add('1', ...names(40));
      const behind = await client(temp, 'behind');
      await behind.sync(publisher.log);
      for (let i = 2; i < 12; i++) await publisher.add(String(i), ...names(20));
      const { log } = publisher;
      const { from = 0 } = (await livePart(log)) ?? {};
      const { block = 0 } = (await readStoredIndex(behind.statePath)) ?? {};
      assert.ok(from > block && block > 0, 'a snapshot came after what the client knows');
      const get = async (number: number): Promise<Uint8Array> => {
        assert.ok(number === 0 || number >= from, `block ${number} is not in the part`);
        return log.get(number);
      };
      const part = { length: log.length, from, get };
      const result = await behind.sync(log, { log: part });
      assert.deepEqual([result.changed, result.sequence], [true, 12]);
      assert.equal((await behind.sync(log, { log: part })).changed, false);
    }));

  test('large packs travel as static cores, as bytes or as files', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      await publisher.add('1', ...names(300));
      const last = records(publisher.log).at(-1);
      assert.ok(last !== undefined && 'cores' in last.pack);
      assert.equal(last.kind, 'snapshot', 'a snapshot stands for an update that is nearly as large');
      assert.equal(last.parent, records(publisher.log)[0]?.commit);
      assert.deepEqual(await liveCores(publisher.log), last.pack.cores);
      const one = await client(temp, 'one');
      const planned: number[] = [];
      assert.equal(
        (await one.sync(publisher.log, { onPlan: ({ bytes }) => planned.push(bytes) })).entries.added,
        300,
      );
      assert.deepEqual(planned, [last.pack.cores[0]?.byteLength]);
      const path = join(temp, 'core');
      writeFileSync(path, await publisher.log.fetchCore(last.pack.cores[0] as never));
      const two = await client(temp, 'two');
      assert.equal(
        (await two.sync(publisher.log, { fetchCore: () => Promise.resolve(path) })).entries.added,
        300,
      );
      const three = await client(temp, 'three');
      const short = readFileSync(path).subarray(0, -1);
      await three.refuses(publisher.log, 'CORE_MISMATCH', { fetchCore: () => Promise.resolve(short) });
      const flipped = Buffer.from(readFileSync(path));
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
      await three.refuses(publisher.log, 'PACK_MALFORMED', { fetchCore: () => Promise.resolve(flipped) });
      assert.equal((await three.sync(publisher.log)).entries.added, 300);
    }));

  test('whose repository was lost starts again, but not from an older or another history', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      await publisher.add('1', 'hello');
      const c = await client(temp);
      await c.sync(publisher.log);
      rmSync(c.dir, { recursive: true });
      const other = await Publisher.create(join(temp, 'other'));
      await other.add('666', 'hello');
      await other.add('667', 'hello');
      await c.refuses(other.log, 'INDEX_NOT_DESCENDANT');
      assert.equal((await c.sync(publisher.log)).sequence, 2);
      assert.deepEqual(await c.list(), ['hello 1']);
      rmSync(join(c.dir, 'gtpkg-sha256'));
      await publisher.add('2', 'hello');
      assert.equal((await c.sync(publisher.log)).sequence, 3);
    }));

  test('k = 2 of 3: co-signatures travel', () =>
    inTemp(async (temp) => {
      const dir = join(temp, 'p');
      const roots = [ada, bob, eve].map((signer) => signer.publicKey);
      const log = new MemoryLog();
      await createIndex(dir, {
        name: 'test',
        suites: ['stable'],
        roots: [ada, bob],
        rootKeys: roots,
        threshold: 2,
        indexCore: coreKey('log'),
        now: new Date(),
      });
      await publishIndex(dir, { log, putCore: log.putCore });
      const c = await client(
        temp,
        'c',
        introduce(
          roots.map((key) => key.fingerprint),
          2,
        ),
      );
      await c.sync(log);
      await changeIndex(dir, {
        changes: [{ kind: 'add', suite: 'stable', entry: makeEntry('hello', '1', ada.fingerprint) }],
        signers: [eve, bob],
        now: new Date(),
      });
      await publishIndex(dir, { log, putCore: log.putCore });
      assert.equal((await c.sync(log)).sequence, 2);
      const signers = [];
      for await (const entry of indexLog(c.dir)) signers.push(entry.signers);
      assert.deepEqual(signers, [
        [bob.fingerprint, eve.fingerprint].sort(),
        [ada.fingerprint, bob.fingerprint].sort(),
      ]);
    }));

  test('a damaged map of SHA-256 ids can only make an index be refused', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      const c = await client(temp);
      const { commit } = await c.sync(publisher.log);
      const repository = await Repository.open(c.dir);
      const { top } = await viewIndex((oid) => repository.read(oid), commit);
      const path = join(c.dir, 'gtpkg-sha256');
      const bytes = readFileSync(path);
      const at = bytes.indexOf(Buffer.from(top.get('authorizations')?.oid ?? '', 'hex'));
      assert.ok(at > 0);
      bytes[at + 30] = (bytes[at + 30] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      await publisher.add('1', 'hello');
      await c.refuses(publisher.log, 'INDEX_CORRUPT');
      rmSync(path);
      assert.equal((await c.sync(publisher.log)).sequence, 2);
    }));
});

describe('a bad log', () => {
  async function pair(temp: string): Promise<{ publisher: Publisher; c: Client }> {
    const publisher = await Publisher.create(join(temp, 'p'));
    await publisher.add('1', 'hello');
    const c = await client(temp);
    await c.sync(publisher.log);
    return { publisher, c };
  }

  test('wrong fingerprint in the introduction', () =>
    inTemp(async (temp) => {
      const { publisher } = await pair(temp);
      const wrong = await client(temp, 'wrong', introduce([eve.fingerprint]));
      await wrong.refuses(publisher.log, 'INTRODUCTION_MISMATCH');
      assert.equal(existsSync(wrong.dir), false);
    }));

  test('another introduction than the stored state was trusted by', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      await c.refuses(publisher.log, 'INTRODUCTION_MISMATCH', { introduction: introduce([eve.fingerprint]) });
    }));

  test('index signed by a stranger', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      const evil = join(temp, 'evil');
      await copyIndex(publisher.dir, evil, (await readStoredIndex(c.statePath))?.trusted.head as Oid);
      const stolen = publisher.log.upTo(publisher.log.length);
      await forkIndex(evil, {
        name: 'test',
        roots: [eve],
        forkedFrom: introduce([ada.fingerprint]),
        indexCore: coreKey('log'),
        now: new Date(),
      });
      await publishIndex(evil, { log: stolen, putCore: stolen.putCore });
      await c.refuses(stolen, 'SIGNER_UNKNOWN');
    }));

  test('rollback: a longer log whose newest state is an older one; a shorter log is only an old copy', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      await publisher.add('2', 'hello');
      await c.sync(publisher.log);
      const replay = publisher.log.upTo(publisher.log.length);
      const [first] = records(publisher.log);
      assert.ok(first);
      replay.blocks.push(encodeRecord(first));
      await c.refuses(replay, 'INDEX_ROLLBACK');
      const before = c.photo();
      const old = await c.sync(publisher.log.upTo(publisher.log.length - 1));
      assert.deepEqual([old.changed, old.stale, old.sequence], [false, true, 3]);
      assert.deepEqual(c.photo(), before);
    }));

  test('equivocation is refused and kept as evidence', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      const second = new Publisher(join(temp, 'second'), ada);
      const base = records(publisher.log)[0]?.commit as Oid;
      await copyIndex(publisher.dir, second.dir, base);
      second.log.blocks.push(...publisher.log.blocks.slice(0, 2));
      await second.add('666', 'hello');
      const error = await c.refuses(second.log, 'INDEX_EQUIVOCATION');
      const [evidence] = await readEvidence(c.statePath);
      assert.ok(evidence);
      assert.deepEqual(
        [evidence.sequence, ...evidence.sides.map(({ commit }) => commit)],
        [2, ...[error.data['known'], error.data['offered']].sort()],
      );
      for (const { signers } of evidence.sides) assert.deepEqual(signers, [ada.fingerprint]);
      // ours is not followed either, until the user decides
      await publisher.add('2', 'hello');
      await c.refuses(publisher.log, 'INDEX_EQUIVOCATION');
      // whoever is told and trusts the parent comes to the same verdict, and nobody else
      const proof = Buffer.from(evidence.proof, 'base64');
      const told = new Client(join(temp, 'told'), introduce([ada.fingerprint]));
      await told.sync(publisher.log.upTo(2));
      const { trusted } = (await readStoredIndex(told.statePath)) as StoredIndex;
      const judged = await judgeEvidence(proof, { dir: told.dir, known: trusted, now: new Date() });
      assert.deepEqual(judged.sides, evidence.sides);
      const mangled = Buffer.from(proof);
      mangled[mangled.length - 40] = (mangled.at(-40) ?? 0) ^ 1;
      await assert.rejects(judgeEvidence(mangled, { dir: told.dir, known: trusted, now: new Date() }));
      const stranger = await Publisher.create(join(temp, 'stranger'), eve);
      const elsewhere = new Client(join(temp, 'elsewhere'), introduce([eve.fingerprint]));
      await elsewhere.sync(stranger.log);
      const other = (await readStoredIndex(elsewhere.statePath)) as StoredIndex;
      await assert.rejects(
        judgeEvidence(proof, { dir: elsewhere.dir, known: other.trusted, now: new Date() }),
        { code: 'NOTICE_MALFORMED' },
      );
      // who stays with what is known goes on with it, and never with the other
      await settleEvidence(c.statePath, error.data['known'] as Oid);
      assert.equal((await c.sync(publisher.log)).sequence, 3);
      await second.add('667', 'hello');
      await second.add('668', 'hello');
      await c.refuses(second.log, 'INDEX_NOT_DESCENDANT');
      // who decides for the other begins anew, and only on a line that passes through it
      const turned = new Client(join(temp, 'turned'), introduce([ada.fingerprint]));
      await turned.sync(publisher.log.upTo(3));
      await turned.refuses(second.log, 'INDEX_EQUIVOCATION');
      await settleEvidence(turned.statePath, error.data['offered'] as Oid);
      rmSync(turned.statePath);
      rmSync(turned.dir, { recursive: true });
      await turned.refuses(publisher.log, 'INDEX_NOT_DESCENDANT');
      await turned.sync(second.log);
      assert.deepEqual(await turned.list(), ['hello 667', 'hello 668']);
    }));

  test('not descending: another index of the same name by another root', () =>
    inTemp(async (temp) => {
      const { c } = await pair(temp);
      const other = await Publisher.create(join(temp, 'other'), eve);
      await other.add('1', 'hello');
      await other.add('2', 'hello');
      await c.refuses(other.log, 'INDEX_NOT_DESCENDANT');
    }));

  test('freeze: nothing new and the head has expired', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      await c.refuses(publisher.log, 'INDEX_EXPIRED', { now: new Date(Date.now() + 31 * 86_400_000) });
      assert.equal((await c.sync(publisher.log)).changed, false, 'trust is kept');
    }));

  test('a malformed shard, signed by a root', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      for (const [path, bytes, code] of [
        ['suites/stable/amd64/00/0', 'Package: x\n', 'ENTRY_MALFORMED'],
        [
          'suites/other/amd64/00/0',
          makeEntry('hello', '1', ada.fingerprint).fields.toString(),
          'INDEX_MALFORMED',
        ],
        [
          'suites/stable/amd64/00/0',
          makeEntry('hello', '1', ada.fingerprint).fields.toString(),
          'ENTRY_MALFORMED',
        ],
        ['suites/stable/amd64/zz', 'x', 'INDEX_MALFORMED'],
      ] as const) {
        const evil = new Publisher(join(temp, `evil-${path.length}-${bytes.length}`), ada);
        await copyIndex(publisher.dir, evil.dir, (await readStoredIndex(c.statePath))?.trusted.head as Oid);
        evil.log.blocks.push(...publisher.log.blocks);
        const { commitWith } = await import('./raw-commit.js');
        await commitWith(evil.dir, ada, new Map([[path, Buffer.from(bytes)]]));
        await evil.publish();
        await c.refuses(evil.log, code);
      }
    }));

  test('records that lie: other commit, missing objects, broken chain, no header, garbage', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      const { length } = publisher.log;
      await publisher.add('2', 'hello');
      const good = publisher.log.blocks.slice(length);
      const last = records(publisher.log).at(-1);
      assert.ok(last);
      const withLast = (block: Uint8Array): MemoryLog => {
        const log = publisher.log.upTo(publisher.log.length - 1);
        log.blocks.push(block);
        return log;
      };
      const empty = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex');
      await c.refuses(withLast(encodeRecord({ ...last, commit: 'f'.repeat(40) as Oid })), 'INDEX_CORRUPT');
      await c.refuses(withLast(encodeRecord({ ...last, pack: { inline: empty } })), 'INDEX_CORRUPT');
      await c.refuses(withLast(Buffer.from('garbage')), 'INDEX_MALFORMED');
      await c.refuses(withLast(Buffer.alloc(limits.MAX_INDEX_BLOCK + 1)), 'LIMIT_EXCEEDED');
      await c
        .refuses(withLast(encodeRecord({ ...last, snapshotDistance: 1 })), 'INDEX_MALFORMED')
        .catch(() => undefined);
      const headless = withLast(good.at(-1) as Uint8Array);
      headless.blocks[0] = Buffer.from('Format: gtpkg-index-core 2\n');
      await c.refuses(headless, 'INDEX_MALFORMED');
      const nothing = new MemoryLog();
      nothing.blocks.push(publisher.log.blocks[0] as Uint8Array);
      await c.refuses(nothing, 'INDEX_NOT_FOUND');
      assert.equal((await c.sync(publisher.log)).sequence, 3);
    }));

  test('any one byte of an update flipped: refused with exit 5, trust unmoved', () =>
    inTemp(async (temp) => {
      const { publisher, c } = await pair(temp);
      await publisher.add('2', 'hello');
      const { blocks } = publisher.log;
      const last = blocks.at(-1) as Uint8Array;
      const start = Buffer.from(last).indexOf('\n\n') + 2;
      for (let at = start; at < last.length; at += Math.max(1, Math.floor((last.length - start) / 40))) {
        const log = publisher.log.upTo(blocks.length - 1);
        const evil = Buffer.from(last);
        evil[at] = (evil[at] ?? 0) ^ 0x10;
        log.blocks.push(evil);
        await c.refuses(log, 'PACK_MALFORMED');
      }
    }));
});

describe('a fork', () => {
  test('names upstream’s cores, copies no package, and outlives upstream', () =>
    inTemp(async (temp) => {
      const upstream = await Publisher.create(join(temp, 'p'));
      await upstream.add('1', ...names(300));
      await upstream.add('2', 'pkg-1');
      const c = await client(temp);
      const state = await c.sync(upstream.log);
      // fork from the client's repository
      const fork = new Publisher(join(temp, 'fork'), bob);
      await copyIndex(c.dir, fork.dir, state.commit);
      await forkIndex(fork.dir, {
        name: 'mine',
        roots: [bob],
        forkedFrom: c.introduction,
        indexCore: coreKey('mine'),
        now: new Date(),
      });
      await fork.log.append(await forkBlocks(upstream.log, state.commit));
      const published = await fork.publish();
      assert.deepEqual([published.appended, published.cores.length], [1, 0]);
      assert.ok(fork.log.blocks.at(-1)?.length ?? 0 < 8192, 'a fork is a few kilobytes');
      const changed: IndexChange[] = [
        { kind: 'add', suite: 'stable', entry: makeEntry('pkg-2', '2', ada.fingerprint) },
      ];
      await fork.change(changed);
      // a new client knows the fork's introduction only; upstream's log is gone, its cores are still held by somebody
      for (const [key, bytes] of upstream.log.cores) fork.log.cores.set(key, bytes);
      const one = await client(temp, 'one', introduce([bob.fingerprint]));
      const result = await one.sync(fork.log);
      assert.deepEqual([result.name, result.sequence], ['mine', 5]);
      assert.equal((await one.list()).length, 302);
      if (lacks('git') === false)
        assert.equal(git(one.dir, 'fsck', '--full', '--strict', '--no-dangling').trim(), '');
      assert.deepEqual([...new Set(fork.log.fetched)].length, 1);
      // a client of upstream is not taken along
      await c.refuses(fork.log, 'SIGNER_UNKNOWN');
      // and the fork makes snapshots of its own, from its own anchor on
      const copied = fork.log.length;
      for (let i = 0; i < 2; i++)
        await fork.change(
          names(250, `own${i}`).map((name) => ({
            kind: 'add',
            suite: 'stable',
            entry: makeEntry(name, '1', bob.fingerprint),
          })),
        );
      assert.ok(
        records(fork.log)
          .slice(copied - 1)
          .some(({ kind }) => kind === 'snapshot'),
      );
      const two = await client(temp, 'two', introduce([bob.fingerprint]));
      await two.sync(fork.log);
      await one.sync(fork.log);
      assert.deepEqual(await two.list(), await one.list());
      const seen = [];
      for await (const { name } of indexLog(two.dir)) seen.push(name);
      assert.ok(
        seen.every((name) => name === 'mine'),
        'nothing of upstream’s history is needed',
      );
      await assert.rejects(forkBlocks(upstream.log, 'f'.repeat(40) as Oid), { code: 'INDEX_NOT_FOUND' });
    }));
});

test('a fork by upstream’s own root is an index of its own', () =>
  inTemp(async (temp) => {
    const upstream = await Publisher.create(join(temp, 'p'));
    await upstream.add('1', 'hello');
    const c = await client(temp);
    const { commit } = await c.sync(upstream.log);
    const fork = new Publisher(join(temp, 'fork'), ada);
    await copyIndex(c.dir, fork.dir, commit);
    const options = {
      name: 'mine',
      roots: [ada],
      forkedFrom: c.introduction,
      indexCore: coreKey('mine'),
      now: new Date(),
    };
    const { commit: anchor } = await forkIndex(fork.dir, options);
    await fork.log.append(await forkBlocks(upstream.log, commit));
    await fork.publish();
    await fork.add('2', 'hello');
    const one = await client(temp, 'one');
    assert.equal((await one.sync(fork.log)).name, 'mine');
    assert.equal((await readStoredIndex(one.statePath))?.trusted.anchor, anchor);
    if (lacks('git') === false)
      assert.equal(git(fork.dir, 'fsck', '--full', '--strict', '--no-dangling').trim(), '');
    await c.refuses(fork.log, 'INDEX_MALFORMED');
  }));

describe('publishing', () => {
  test('what is on the log already is not appended again; a log of another history is refused', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      const { length } = publisher.log;
      assert.deepEqual({ ...(await publisher.publish()) }.appended, 0);
      assert.equal(publisher.log.length, length);
      const other = await Publisher.create(join(temp, 'q'));
      await assert.rejects(publishIndex(other.dir, { log: publisher.log, putCore: publisher.log.putCore }), {
        code: 'INDEX_NOT_DESCENDANT',
      });
    }));

  test('several commits at once are one record', () =>
    inTemp(async (temp) => {
      const publisher = await Publisher.create(join(temp, 'p'));
      for (const version of ['1', '2', '3'])
        await changeIndex(publisher.dir, {
          changes: [{ kind: 'add', suite: 'stable', entry: makeEntry('hello', version, ada.fingerprint) }],
          signers: [ada],
          now: new Date(),
        });
      const { appended } = await publisher.publish();
      assert.equal(appended, 1);
      const c = await client(temp);
      assert.equal((await c.sync(publisher.log)).sequence, 4);
    }));

  test('when a snapshot is due', () => {
    const KiB = 1024;
    assert.equal(needsSnapshot({ updates: 1, updateBytes: 60 * KiB, snapshotBytes: 1 * KiB }), false);
    assert.equal(needsSnapshot({ updates: 1, updateBytes: 65 * KiB, snapshotBytes: 1 * KiB }), true);
    assert.equal(needsSnapshot({ updates: 1, updateBytes: 400 * KiB, snapshotBytes: 1000 * KiB }), false);
    assert.equal(needsSnapshot({ updates: 1, updateBytes: 501 * KiB, snapshotBytes: 1000 * KiB }), true);
    assert.equal(needsSnapshot({ updates: 256, updateBytes: 1, snapshotBytes: 1000 * KiB }), true);
  });
});
