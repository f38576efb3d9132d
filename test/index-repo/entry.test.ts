import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import {
  amendEntry,
  compareEntries,
  entryFrom,
  formatShard,
  parseShard,
  shardPath,
} from '../../index-repo/entry.js';
import { coreKey, makeControl, makeEntry } from './support.js';

const signer = 'A'.repeat(40) as Fingerprint;
const malformed =
  (code = 'ENTRY_MALFORMED') =>
  (error: unknown) =>
    error instanceof GtpkgError && error.code === code;
const text = (entry: ReturnType<typeof makeEntry>): string => entry.fields.toString();

describe('index entries', () => {
  test('an entry is the control paragraph and the pin, in a fixed order', () => {
    const entry = makeEntry('hello', '2.10-3', signer);
    assert.deepEqual(
      [...entry.fields.entries()].map(([name]) => name),
      [
        'Package',
        'Version',
        'Architecture',
        'Maintainer',
        'Description',
        'Core',
        'Core-Size',
        'Release-Tag',
        'Tree-SHA256',
        'Signer',
      ],
    );
    assert.equal(entry.control.fields.has('Core'), false);
    assert.equal(entry.control.summary, 'the hello package');
    assert.equal(entry.pin.core.byteLength, 1005);
  });

  test('a control paragraph that uses the name of a pin field is refused', () => {
    for (const field of ['Core', 'core-size', 'Release-Tag', 'TREE-SHA256', 'Signer', 'Deltas']) {
      const { pin } = makeEntry('hello', '1', signer);
      assert.throws(() => entryFrom(makeControl('hello', '1', { [field]: 'x' }), pin), malformed(), field);
    }
  });

  test('a pin for another release than the control paragraph is refused', () => {
    const { pin } = makeEntry('hello', '1', signer);
    assert.throws(() => entryFrom(makeControl('hello', '2'), pin), malformed());
    assert.throws(() => entryFrom(makeControl('other', '1'), pin), malformed());
    assert.throws(() => entryFrom(makeControl('hello', '1', { Architecture: 'all' }), pin), malformed());
  });

  test('deltas stand after the pin, a line each, and come back as they were', () => {
    const { pin, control } = makeEntry('hello', '2', signer);
    const deltas = [
      { version: '1:1.0~rc1', from: '0123456789abcdef', core: { key: coreKey('a'), byteLength: 1234 } },
      { version: '0.9', from: 'fedcba9876543210', core: { key: coreKey('b'), byteLength: 1 } },
    ];
    const entry = entryFrom(control, pin, deltas);
    assert.equal([...entry.fields.entries()].at(-1)?.[0], 'Deltas');
    const [back] = parseShard(formatShard([entry]));
    assert.deepEqual(back?.deltas, deltas);
    assert.equal(back?.control.fields.has('Deltas'), false);
    assert.deepEqual(parseShard(formatShard([entryFrom(control, pin)]))[0]?.deltas, []);
  });

  test('when it was listed and who co-signed come back as they were, in one spelling only', () => {
    const other = 'B'.repeat(40) as Fingerprint;
    const cosignatures = [
      { signer, tag: Buffer.from('a tag') },
      { signer: other, tag: Buffer.from([0, 255, 10]) },
    ];
    const listed = new Date('2026-11-22T10:00:00Z');
    const entry = amendEntry(makeEntry('hello', '2', signer), { listed, cosignatures });
    assert.deepEqual(
      [...entry.fields.entries()].slice(-2).map(([name]) => name),
      ['Listed', 'Cosignatures'],
    );
    const bytes = formatShard([entry]).toString();
    const [back] = parseShard(Buffer.from(bytes));
    assert.deepEqual([back?.pin.listed, back?.cosignatures], [listed, cosignatures]);
    assert.equal(back?.control.fields.has('Listed'), false);
    const lines = bytes.split('\n').filter((line) => /^ [AB]{40} /.test(line));
    for (const [from, to] of [
      ['2026-11-22T10:00:00Z', '2026-11-22T10:00:00.000Z'],
      ['2026-11-22T10:00:00Z', '2026-11-31T10:00:00Z'],
      [lines.join('\n'), [...lines].reverse().join('\n')],
      [lines[1] ?? '', lines[0] ?? ''],
      [`${signer} YSB0YWc=`, `${signer} YSB0YWc`],
      [`${signer} YSB0YWc=`, `${signer} ${'A'.repeat(16 * 1024)}`],
      [` ${signer} YSB0YWc=`, ` ${signer.toLowerCase()} YSB0YWc=`],
    ] as const)
      assert.throws(() => parseShard(Buffer.from(bytes.replace(from, to))), malformed(), to.slice(0, 60));
  });

  test('a field Deltas in any other spelling is refused', () => {
    const { pin, control } = makeEntry('hello', '2', signer);
    const line = ` 1.0 0123456789abcdef ${coreKey('a')} 10`;
    const shard = (value: string): Buffer =>
      Buffer.from(
        formatShard([entryFrom(control, pin)])
          .toString()
          .trimEnd() + `\nDeltas:${value}\n`,
      );
    assert.equal(parseShard(shard(`\n${line}`))[0]?.deltas.length, 1);
    for (const value of [
      '',
      line,
      `\n${line} `,
      `\n ${line}`,
      `\n${line}\n${line}`,
      `\n${line.replace('0123456789abcdef', '0123')}`,
      `\n${line.replace(' 10', ' 010')}`,
      `\n${line.replace(' 10', ' 0')}`,
      `\n${line.replace(coreKey('a'), coreKey('a').slice(1))}`,
      Array.from(
        { length: 9 },
        (_, i) => `\n${line.replace('0123456789abcdef', `0123456789abcde${i}`)}`,
      ).join(''),
    ])
      assert.throws(() => parseShard(shard(value)), malformed(), JSON.stringify(value));
  });

  test('a field with a smuggled line break is refused', () => {
    const { pin, control } = makeEntry('hello', '1', signer);
    for (const value of ['x\nSigner: ' + 'B'.repeat(40), 'x\n\nPackage: evil', 'x\n']) {
      const fields = control.fields.clone().set('Homepage', value);
      assert.throws(() => entryFrom({ ...control, fields }, pin), malformed(), JSON.stringify(value));
    }
  });

  test('shards are chosen by SHA-256 of the name', () => {
    assert.equal(shardPath('hello'), '2c/f');
    assert.match(shardPath('libc6'), /^[0-9a-f]{2}\/[0-9a-f]$/);
  });
});

describe('shards', () => {
  const shard = () =>
    formatShard([
      makeEntry('hello', '2', signer),
      makeEntry('hello', '1', signer),
      makeEntry('bye', '1', signer),
    ]);

  test('are sorted by name and version, and read back the same', () => {
    const entries = parseShard(shard());
    assert.deepEqual(
      entries.map(({ pin }) => `${pin.name} ${pin.version}`),
      ['bye 1', 'hello 1', 'hello 2'],
    );
    assert.deepEqual(formatShard(entries), shard());
  });

  test('the same release twice is refused when written and when read', () => {
    const entry = makeEntry('hello', '1', signer);
    assert.throws(() => formatShard([entry, entry]), malformed());
    assert.throws(() => parseShard(Buffer.from(`${text(entry)}\n${text(entry)}`)), malformed());
  });

  test('every other spelling is refused', () => {
    const [one, two] = [makeEntry('aa', '1', signer), makeEntry('bb', '1', signer)];
    const good = `${text(one)}\n${text(two)}`;
    const hexKey = Buffer.from(coreKey('x')).toString('hex').slice(0, 64);
    const wrong: Record<string, string> = {
      empty: '',
      'order of names': `${text(two)}\n${text(one)}`,
      'two empty lines': good.replace('\n\n', '\n\n\n'),
      comment: `# hi\n${good}`,
      'empty line at the end': `${good}\n`,
      'no line break at the end': good.slice(0, -1),
      'carriage returns': good.replaceAll('\n', '\r\n'),
      'white space': good.replace('Package: aa', 'Package:  aa'),
      'pin fields elsewhere': good.replace(/^(Package: aa\n)([^]*?)(Core: .*\n)/, '$3$1$2'),
      'lower-case fingerprint': good.replace(
        /Signer: (\w+)/,
        (_, fpr: string) => `Signer: ${fpr.toLowerCase()}`,
      ),
      'core key in hex': good.replace(/Core: \S+/, `Core: ${hexKey}`),
      'Core missing': good.replace(/Core: .*\n/, ''),
      'Core-Size zero': good.replace(/Core-Size: .*/, 'Core-Size: 0'),
      'Core-Size not a number': good.replace(/Core-Size: .*/, 'Core-Size: 1e9'),
      'Tag short': good.replace(/Release-Tag: .*/, 'Release-Tag: abc'),
      'Maintainer missing, so not typed': good.replace(/Package: aa/, 'Package: A!'),
      'bad version': good.replace('Version: 1', 'Version: x'),
      'bad relation': good.replace('Maintainer:', 'Depends: a ( b\nMaintainer:'),
      'field twice': good.replace('Version: 1', 'Version: 1\nVersion: 1'),
    };
    assert.equal(parseShard(Buffer.from(good)).length, 2);
    for (const [what, bytes] of Object.entries(wrong))
      assert.throws(() => parseShard(Buffer.from(bytes)), malformed(), what);
    assert.throws(() => parseShard(Buffer.from([0x50, 0x61, 0xff, 0x0a])), malformed());
  });

  test('nothing passes in another package’s or architecture’s place', () => {
    const bytes = formatShard([makeEntry('hello', '1', signer)]);
    assert.equal(parseShard(bytes, { where: 'x', architecture: 'amd64', shard: '2c/f' }).length, 1);
    assert.throws(() => parseShard(bytes, { where: 'x', architecture: 'arm64' }), malformed());
    assert.throws(() => parseShard(bytes, { where: 'x', shard: '00/0' }), malformed());
  });

  test('property: format and parse undo each other, whatever the order', () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,12}$/);
    const version = fc.stringMatching(/^([0-9]:)?[0-9][0-9a-z.+~]{0,6}(-[0-9a-z]{1,3})?$/);
    const line = fc
      .string({ unit: 'grapheme', maxLength: 40 })
      .filter((value) => !/\p{C}|\p{Z}/u.test(value));
    const release = fc.record({ name, version, homepage: line });
    fc.assert(
      fc.property(
        fc.uniqueArray(release, { minLength: 1, maxLength: 8, selector: (r) => `${r.name} ${r.version}` }),
        (releases) => {
          const entries = releases.map((r) =>
            makeEntry(r.name, r.version, signer, {
              fields: r.homepage === '' ? {} : { Homepage: r.homepage },
            }),
          );
          const bytes = formatShard(entries);
          assert.deepEqual(formatShard([...entries].reverse()), bytes);
          const read = parseShard(bytes);
          assert.deepEqual(formatShard(read), bytes);
          assert.deepEqual(
            read.map((entry) => entry.fields.toString()),
            [...entries].sort(compareEntries).map((entry) => entry.fields.toString()),
          );
        },
      ),
    );
  });

  test('property: any bytes either read as a canonical shard or are refused with ENTRY_MALFORMED', () => {
    const good = shard();
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom('set', 'insert', 'delete'),
        (at, byte, how) => {
          const after = how === 'set' || how === 'delete' ? at + 1 : at;
          const bytes = Buffer.concat([
            good.subarray(0, at),
            Buffer.from(how === 'delete' ? [] : [byte]),
            good.subarray(after),
          ]);
          try {
            assert.deepEqual(formatShard(parseShard(bytes)), bytes);
          } catch (error) {
            if (!malformed()(error)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
