/** Contents: what a segment says of paths, and what is refused. */
import assert from 'node:assert/strict';
import { brotliCompressSync } from 'node:zlib';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../model/index.js';
import {
  encodeSegment,
  formatContents,
  parseContents,
  pathsIn,
  releasesIn,
  releasesWith,
  type ReleasePaths,
} from '../../index-repo/index.js';
import { coreKey } from './support.js';

// in pieces, as a core comes
async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const packed = (text: string): AsyncGenerator<Uint8Array> =>
  pieces(brotliCompressSync(Buffer.from(text, 'latin1')));
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
};
const FIRST = 'gtpkg-contents-segment 1\n';
const TREE = '0123456789abcdef';

describe('contents', () => {
  test('property: paths are found as they were put in, by release and by path', async () => {
    const path = fc
      .array(
        fc.string({
          unit: fc.constantFrom('a', 'b', '%', '=', ' ', '\n', '\xff'),
          minLength: 1,
          maxLength: 4,
        }),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      .map((parts) => parts.join('/'));
    const release = fc.record({
      tree: fc.integer({ min: 0, max: 40 }).map((n) => n.toString(16).padStart(16, '0')),
      name: fc.constantFrom('aa', 'b-c', 'd+'),
      version: fc.constantFrom('1', '2:1~rc1-3'),
      paths: fc.uniqueArray(path, { maxLength: 6 }),
    });
    const some = fc.uniqueArray(release, { selector: ({ tree }) => tree, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(some, async (releases: ReleasePaths[]) => {
        const bytes = encodeSegment(releases);
        assert.deepEqual(encodeSegment([...releases].reverse()), bytes, 'whatever the order');
        const sorted = (paths: readonly string[] | undefined) => [...(paths ?? [])].sort();
        for (const { tree, paths } of releases)
          assert.deepEqual(sorted(await pathsIn(pieces(bytes), tree)), sorted(paths));
        assert.equal(await pathsIn(pieces(bytes), 'f'.repeat(16)), undefined);
        for (const wanted of new Set(releases.flatMap(({ paths }) => [...paths]))) {
          const found = (await all(releasesWith(pieces(bytes, 7), wanted))).map(({ tree }) => tree).sort();
          const expected = releases.filter(({ paths }) => paths.includes(wanted)).map(({ tree }) => tree);
          assert.deepEqual(found, expected.sort());
        }
        assert.equal((await all(releasesIn(pieces(bytes), () => true))).length, releases.length);
      }),
      { numRuns: 60 },
    );
  });

  test('a large segment is read in pieces', async () => {
    const releases = Array.from({ length: 300 }, (_, i) => ({
      tree: i.toString(16).padStart(16, '0'),
      name: `package-${i}`,
      version: '1',
      paths: Array.from({ length: 300 }, (__, j) => `usr/share/doc/package-${i}/file-number-${j}`),
    }));
    const bytes = encodeSegment(releases);
    assert.ok(bytes.length < 300_000, `${bytes.length}`);
    const path = 'usr/share/doc/package-123/file-number-77';
    assert.deepEqual(
      (await all(releasesWith(pieces(bytes), path))).map(({ name }) => name),
      ['package-123'],
    );
    assert.equal((await pathsIn(pieces(bytes), (299).toString(16).padStart(16, '0')))?.length, 300);
  });

  test('attack: a segment that is malformed, cut short or without end is refused', async () => {
    const wrong: Record<string, AsyncGenerator<Uint8Array>> = {
      'another format': packed('gtpkg-contents-segment 2\n= x\n'),
      'too short': packed('gtpkg'),
      nothing: packed(''),
      'no brotli': pieces(Buffer.from('plain text, and quite some of it')),
      'cut short': pieces(brotliCompressSync(Buffer.from(`${FIRST}= ${TREE} aa 1\n/x\n`)).subarray(0, -3)),
      'no last line break': packed(`${FIRST}= ${TREE} aa 1\n/x`),
      'a path that is none': packed(`${FIRST}= ${TREE} aa 1\nx\n`),
      'a name with an escape': packed(`${FIRST}= ${TREE} a\x1b[31m 1\n/x\n`),
      'a path before any release': packed(`${FIRST}/x\n`),
      'a line without end': packed(
        `${FIRST}= ${TREE} aa 1\n/${'x'.repeat(limits.MAX_CONTENTS_LINE + 300_000)}`,
      ),
    };
    for (const [what, bytes] of Object.entries(wrong)) {
      const read = what.startsWith('a path before')
        ? all(releasesWith(bytes, 'x'))
        : all(releasesIn(bytes, () => true));
      await assert.rejects(read, { code: 'INDEX_MALFORMED' }, what);
    }
  });

  test('the list of segments: what is written is read; what is hostile is refused', () => {
    const list = [1, 2].map((n) => ({ core: { key: coreKey(`s${n}`), byteLength: n * 1000 }, releases: n }));
    assert.deepEqual(parseContents(formatContents(list)), list);
    const line = ` ${coreKey('x')} 1000 3`;
    const text = (lines: string, format = 'gtpkg-contents 1') =>
      Buffer.from(`Format: ${format}\nSegments:${lines}\n`);
    parseContents(text(`\n${line}`));
    for (const [what, bytes] of Object.entries({
      format: text(`\n${line}`, 'gtpkg-contents 2'),
      none: text(''),
      'on the first line': text(line),
      'a word too many': text(`\n${line} 4`),
      'no key': text('\n abc 1000 3'),
      negative: text(`\n ${coreKey('x')} -1 3`),
      many: text(`\n${line}`.repeat(limits.MAX_CONTENTS_SEGMENTS + 1)),
      large: text(`\n ${coreKey('x')} ${limits.MAX_CONTENTS_SEGMENT + 1} 3`),
      'too large': Buffer.alloc(limits.MAX_INDEX_FILE + 1, 0x20),
    }))
      assert.throws(() => parseContents(bytes), /contents|segment|core key/i, what);
  });
});
