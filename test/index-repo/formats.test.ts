/**
 * The small formats: records of an index core, `distribution`, `authorizations`, commit messages, SHA-256 ids.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, limits, type Fingerprint, type Oid, type Sha256 } from '../../model/index.js';
import { encodeTree, hashObject, type GitObject } from '../../git/objects.js';
import { DigestFile } from '../../index-repo/digest-file.js';
import {
  formatAuthorizations,
  formatDistribution,
  isIndexName,
  parseAuthorizations,
  parseDistribution,
} from '../../index-repo/documents.js';
import {
  formatCommitMessage,
  formatCosignMessage,
  parseCommitMessage,
  parseCosignMessage,
} from '../../index-repo/messages.js';
import { computeIds } from '../../index-repo/object-ids.js';
import {
  checkHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  packSize,
  type IndexRecord,
} from '../../index-repo/record.js';
import { planSync } from '../../index-repo/sync-plan.js';
import { git, inTemp, lacks } from '../git/support.js';
import { coreKey, MemoryLog } from './support.js';

const oid = (digit: string): Oid => digit.repeat(40) as Oid;
const sha = (digit: string): Sha256 => digit.repeat(64) as Sha256;
const code =
  (...codes: string[]) =>
  (error: unknown) =>
    error instanceof GtpkgError && codes.includes(error.code);

describe('records of an index core', () => {
  const record: IndexRecord = {
    kind: 'update',
    commit: oid('a'),
    parent: oid('b'),
    anchor: oid('c'),
    sequence: 7,
    snapshotDistance: 3,
    pack: { inline: Buffer.from('PACK\n\n…\0') },
  };
  const cores = [
    { key: coreKey('1'), byteLength: 5 },
    { key: coreKey('2'), byteLength: 70_000 },
  ];

  test('read back as they were written', () => {
    checkHeader(encodeHeader());
    for (const one of [
      record,
      { ...record, kind: 'snapshot' as const, snapshotDistance: 0, pack: { cores } },
    ]) {
      assert.deepEqual(decodeRecord(encodeRecord(one), 9), one);
    }
    assert.equal(packSize({ cores }), 70_005);
    assert.throws(
      () => encodeRecord({ ...record, pack: { inline: Buffer.alloc(limits.MAX_INLINE_PACK + 1) } }),
      code('LIMIT_EXCEEDED'),
    );
  });

  test('other shapes are refused', () => {
    const text = encodeRecord({ ...record, pack: { cores } }).toString();
    const wrong: Record<string, string> = {
      'another format': text.replace('record 1', 'record 2'),
      'another kind': text.replace('Kind: update', 'Kind: upgrade'),
      'no commit': text.replace(/Commit: a+\n/, ''),
      'short commit': text.replace(/Commit: a+/, 'Commit: abc'),
      'update without parent': text.replace(/Parent-Commit: b+\n/, ''),
      'number 0': text.replace('Sequence: 7', 'Sequence: 0'),
      'number -1': text.replace('Sequence: 7', 'Sequence: -1'),
      'an update at distance 0': text.replace('Distance: 3', 'Distance: 0'),
      'a snapshot before the header': text.replace('Distance: 3', 'Distance: 9'),
      'no cores': text.replace(/Cores:(\n .*)+/, 'Cores:'),
      'core without size': text.replace(' 70000', ''),
      'core of size 0': text.replace(' 70000', ' 0'),
      'bytes after cores': `${text}x`,
      'no empty line': text.trimEnd(),
      'both packs': text.replace('Pack: cores', 'Pack: inline'),
      'a field twice': text.replace('Kind: update', 'Kind: update\nKind: update'),
    };
    assert.equal(decodeRecord(Buffer.from(text), 9).kind, 'update');
    for (const [what, bytes] of Object.entries(wrong))
      assert.throws(() => decodeRecord(Buffer.from(bytes), 9), code('INDEX_MALFORMED'), what);
    const huge = text.replace(' 70000', ` ${limits.MAX_INDEX_PACK}`);
    assert.throws(() => decodeRecord(Buffer.from(huge), 9), code('LIMIT_EXCEEDED'));
    for (const header of ['', 'x', 'Format: gtpkg-index-core 2\n', '\xff'])
      assert.throws(() => checkHeader(Buffer.from(header, 'latin1')), code('INDEX_MALFORMED'));
  });

  test('property: any block is read or refused, never anything else', () => {
    const good = encodeRecord(record);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(good.length), (noise, at) => {
        for (const block of [noise, Buffer.concat([good.subarray(0, at), noise, good.subarray(at)])]) {
          try {
            decodeRecord(block, 9);
          } catch (error) {
            assert.ok(code('INDEX_MALFORMED', 'LIMIT_EXCEEDED')(error), String(error));
          }
        }
      }),
    );
  });
});

describe('the plan of a sync', () => {
  type Step = ['update' | 'snapshot', commit: string, parent: string | undefined, bytes: number];
  function logOf(steps: Step[]): MemoryLog {
    const log = new MemoryLog();
    log.blocks.push(encodeHeader());
    let snapshot = 1;
    steps.forEach(([kind, commit, parent, bytes], i) => {
      if (kind === 'snapshot') snapshot = i + 1;
      log.blocks.push(
        encodeRecord({
          kind,
          commit: oid(commit),
          ...(parent === undefined ? {} : { parent: oid(parent) }),
          anchor: oid('1'),
          sequence: Number.parseInt(commit, 16),
          snapshotDistance: i + 1 - snapshot,
          pack: { cores: [{ key: coreKey(`${i}`), byteLength: bytes }] },
        }),
      );
    });
    return log;
  }
  async function plan(steps: Step[], head?: [block: number, commit: string]): Promise<string> {
    const log = logOf(steps);
    const block = log.length - 1;
    const newest = { record: decodeRecord(log.blocks[block] as Uint8Array, block), block };
    const position = head === undefined ? undefined : { block: head[0], head: oid(head[1]) };
    const { records } = await planSync(log, newest, position);
    return records.map((record) => `${record.kind[0]}${record.commit[0]}`).join(' ');
  }
  const steps: Step[] = [
    ['snapshot', '1', undefined, 100],
    ['update', '2', '1', 30],
    ['update', '3', '2', 30],
    ['snapshot', '3', '2', 150],
    ['update', '4', '3', 30],
    ['snapshot', '5', '4', 200],
    ['update', '6', '5', 30],
  ];

  test('a new client takes the newest snapshot and what follows', async () => {
    assert.equal(await plan(steps), 's5 u6');
    assert.equal(await plan(steps.slice(0, 5)), 's3 u4');
    assert.equal(await plan(steps.slice(0, 1)), 's1');
  });

  test('one that is behind goes on from its own record; a lone snapshot stands for the updates before it', async () => {
    assert.equal(await plan(steps.slice(0, 5), [1, '1']), 'u2 u3 u4');
    assert.equal(await plan(steps.slice(0, 5), [2, '2']), 'u3 u4');
    assert.equal(await plan(steps.slice(0, 5), [3, '3']), 'u4');
    assert.equal(await plan(steps.slice(0, 5), [4, '3']), 'u4');
    assert.equal(await plan(steps, [5, '4']), 's5 u6');
    assert.equal(await plan(steps, [6, '5']), 'u6');
  });

  test('one whose record is not where it was, or that would read more than a snapshot, takes the snapshot', async () => {
    assert.equal(await plan(steps.slice(0, 5), [2, '9']), 's3 u4');
    assert.equal(await plan(steps.slice(0, 5), [99, '2']), 's3 u4');
    assert.equal(
      await plan(
        [...steps.slice(0, 2), ['update', '3', '2', 90], ['snapshot', '3', '2', 80], ['update', '4', '3', 5]],
        [1, '1'],
      ),
      's3 u4',
    );
  });

  test('records that do not follow each other are refused', async () => {
    await assert.rejects(plan([...steps.slice(0, 2), ['update', '4', '3', 1]]), code('INDEX_MALFORMED'));
    const log = logOf(steps.slice(0, 3));
    log.blocks[1] = encodeRecord({
      ...decodeRecord(log.blocks[2] as Uint8Array, 2),
      snapshotDistance: 0,
      kind: 'snapshot',
      commit: oid('9'),
    });
    const newest = { record: decodeRecord(log.blocks[3] as Uint8Array, 3), block: 3 };
    await assert.rejects(planSync(log, newest), code('INDEX_MALFORMED'));
  });
});

describe('distribution and authorizations', () => {
  const distribution = {
    name: 'test',
    sequence: 3,
    date: new Date('2026-11-22T10:00:00Z'),
    validUntil: new Date('2026-12-22T10:00:00Z'),
    suites: ['stable', 'next'],
    architectures: ['amd64', 'arm64'],
    indexCore: coreKey('log'),
    forkedFrom: `gtpkg://${coreKey('up')}#${'A'.repeat(40)}`,
    forkedCommit: oid('a'),
    others: [['X-Later', 'something']] as const,
  };

  test('read back as they were written, with fields of later versions', () => {
    assert.deepEqual(parseDistribution(formatDistribution(distribution)), distribution);
    assert.match(
      formatDistribution(distribution).toString(),
      /^Format: gtpkg-index 1\nName: test\nSequence: 3\nDate: 2026-11-22T10:00:00Z\n/,
    );
    const authorizations = {
      threshold: 2,
      since: 5,
      roots: ['A', 'B', 'C'].map((digit) => digit.repeat(40) as Fingerprint),
    };
    assert.deepEqual(parseAuthorizations(formatAuthorizations(authorizations)), authorizations);
  });

  test('names that could leave their folder are no names', () => {
    for (const name of ['', '.', '..', '../x', 'a/b', '-x', 'a b', 'x'.repeat(65), 'a\n', 'é', 'x.lock'])
      assert.equal(isIndexName(name), false, name);
    for (const name of ['debian', 'Debian-12', 'a.b_c+d']) assert.equal(isIndexName(name), true, name);
  });

  test('times must be in order and spelled one way', () => {
    const text = formatDistribution(distribution).toString();
    for (const [from, to] of [
      ['2026-12-22', '2026-11-22'],
      ['T10:00:00Z\nValid', 'T10:00:00+00:00\nValid'],
      ['2026-11-22T10', '2026-02-31T10'],
      ['2026-11-22T10:00:00Z', '2026-11-22'],
      ['Forked-Commit', 'X-Commit'],
    ] as const) {
      assert.throws(
        () => parseDistribution(Buffer.from(text.replace(from, to))),
        code('INDEX_MALFORMED'),
        to,
      );
    }
  });
});

describe('commit messages', () => {
  test('read back as they were written; lines of strangers stay lines', () => {
    const message = {
      name: 'test',
      sequence: 4,
      tree: sha('a'),
      suites: sha('b'),
      parent: sha('c'),
      changes: ['add x', 'remove y'],
    };
    assert.deepEqual(parseCommitMessage(formatCommitMessage(message)), message);
    const { suites, parent, ...first } = { ...message, changes: [] };
    assert.ok(suites && parent);
    assert.deepEqual(parseCommitMessage(formatCommitMessage(first)), first);
    const evil = { ...message, changes: ['x\nTree-SHA256: y\u001b[31m', '   '.padEnd(999, 'z')] };
    const [line, long] = parseCommitMessage(formatCommitMessage(evil)).changes;
    assert.equal(line, 'x Tree-SHA256: y\\u001b[31m');
    assert.ok((long?.length ?? 0) <= 300);
    const many = { ...message, changes: Array.from({ length: 1000 }, (_, i) => `add p${i}`) };
    assert.equal(parseCommitMessage(formatCommitMessage(many)).changes.at(-1), 'and 500 more');
  });

  test('others are refused', () => {
    const text = formatCommitMessage({
      name: 'test',
      sequence: 4,
      tree: sha('a'),
      parent: sha('c'),
      changes: ['x'],
    });
    for (const wrong of [
      '',
      'x',
      text.replace('test 4', 'test 04'),
      text.replace('commit 1', 'commit 2'),
      text.replace('Parent', 'Papa'),
      `${text}\n`,
      text.replace(/a{64}/, 'A'.repeat(64)),
    ])
      assert.throws(() => parseCommitMessage(wrong), code('INDEX_MALFORMED'));
    const cosign = formatCosignMessage({ name: 'test', sequence: 4, commit: sha('a'), tree: sha('b') });
    assert.deepEqual(parseCosignMessage(cosign), {
      name: 'test',
      sequence: 4,
      commit: sha('a'),
      tree: sha('b'),
    });
    for (const wrong of ['', `${cosign}x`, cosign.replace('cosign 1', 'commit 1')])
      assert.throws(() => parseCosignMessage(wrong), code('INDEX_MALFORMED'));
  });
});

describe('SHA-256 ids', () => {
  test('are plain git’s own', { skip: lacks('git') }, () =>
    inTemp(async (dir) => {
      const objects = new Map<Oid, GitObject>();
      const put = (type: GitObject['type'], body: Buffer): Oid => {
        const id = hashObject(type, body);
        objects.set(id, { type, body });
        return id;
      };
      const blob = put('blob', Buffer.from('hello\n'));
      const sub = put(
        'tree',
        encodeTree([
          { mode: '100644', name: 'b', oid: blob },
          { mode: '100755', name: 'c', oid: blob },
        ]),
      );
      const top = put(
        'tree',
        encodeTree([
          { mode: '40000', name: 'a', oid: sub },
          { mode: '100644', name: 'a.b', oid: blob },
        ]),
      );
      git(dir, 'init', '-q', '--object-format=sha256');
      mkdirSync(join(dir, 'a'));
      for (const name of ['a/b', 'a/c', 'a.b'])
        writeFileSync(join(dir, name), 'hello\n', { mode: name === 'a/c' ? 0o755 : 0o644 });
      git(dir, 'add', '-A');
      const expected = git(dir, 'write-tree').trim();
      assert.equal(computeIds(objects, new Map()).get(top), expected);
      // known ids are not computed again, and a tree with an unknown child has none
      const ids = computeIds(objects, new Map());
      const less = new Map([...objects].filter(([id]) => id !== blob));
      assert.equal(computeIds(less, new Map()).get(top), undefined);
      assert.equal(computeIds(less, new Map([[blob, ids.get(blob) as Sha256]])).get(top), expected);
    }),
  );

  test('a tree nested too deep is refused', () => {
    const objects = new Map<Oid, GitObject>();
    let body = encodeTree([]);
    for (let depth = 0; depth < limits.MAX_PATH_DEPTH + 3; depth++) {
      const id = hashObject('tree', body);
      objects.set(id, { type: 'tree', body });
      body = encodeTree([{ mode: '40000', name: 'd', oid: id }]);
    }
    const reversed = new Map([...objects].reverse());
    assert.throws(() => computeIds(reversed, new Map()), code('LIMIT_EXCEEDED'));
  });

  test('property: the file gives back what was added, across loads, torn or not', () =>
    inTemp(async (base) => {
      let run = 0;
      const id = fc
        .uint8Array({ minLength: 20, maxLength: 20 })
        .map((bytes) => Buffer.from(bytes).toString('hex') as Oid);
      const pair = fc.tuple(
        id,
        fc
          .uint8Array({ minLength: 32, maxLength: 32 })
          .map((bytes) => Buffer.from(bytes).toString('hex') as Sha256),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(pair, { maxLength: 30 }), { maxLength: 4 }), async (batches) => {
          const dir = join(base, String(run++));
          mkdirSync(dir);
          const model = new Map<Oid, Sha256>();
          for (const batch of batches) {
            const file = await DigestFile.load(dir);
            await file.add(new Map(batch));
            for (const [key, value] of new Map(batch)) if (!model.has(key)) model.set(key, value);
            for (const [key, value] of model) assert.equal(file.get(key), value);
          }
          const file = await DigestFile.load(dir);
          for (const [key, value] of model) assert.equal(file.get(key), value);
          assert.equal(file.get(oid('0')), model.get(oid('0')));
        }),
        { numRuns: 30 },
      );
    }));
});
