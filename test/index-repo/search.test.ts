/** Search words and their distances; tables of words merged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distance } from '../../index-repo/search.js';
import { indexWords, wordsOf } from '../../index-repo/search-words.js';
import { EMPTY, mergeWords, type WordTable } from '../../index-repo/word-table.js';

test('words are runs of letters and digits, lower case, with the signs of languages', () => {
  assert.deepEqual(wordsOf('The GNU C++ compiler (g++), C#, libfoo-2.0_x!'), [
    ...['the', 'gnu', 'c++', 'compiler', 'g++', 'c#', 'libfoo', '2', '0', 'x'],
  ]);
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  assert.deepEqual(wordsOf('Größe Gro\u0308ße'), [bytes('größe'), bytes('größe')]);
  assert.deepEqual(wordsOf(`${'x'.repeat(41)} ${'y'.repeat(40)}`), ['y'.repeat(40)]);
  assert.deepEqual(
    [...indexWords('a-b', 'b c', 'c d')],
    [
      ['a', 1],
      ['b', 3],
      ['c', 6],
      ['d', 4],
    ],
  );
});

test('a distance counts letters inserted, left out, replaced and swapped, up to a bound', () => {
  const cases: [string, string, number][] = [
    ['editor', 'editor', 0],
    ['edtior', 'editor', 1],
    ['editr', 'editor', 1],
    ['eeditor', 'editor', 1],
    ['edifor', 'editor', 1],
    ['kitten', 'sitting', 3],
    ['', 'ab', 2],
  ];
  for (const [a, b, expected] of cases) {
    assert.equal(distance(a, b, 5), expected, `${a} ${b}`);
    assert.equal(distance(b, a, 5), expected, `${b} ${a}`);
  }
  assert.equal(distance('kitten', 'sitting', 2), 3);
  assert.ok(distance('abcdef', 'uvwxyz', 2) > 2);
});

type Model = ReadonlyMap<string, readonly number[]>;
const shown = ({ words, offsets, starts, links }: WordTable): Model =>
  new Map(
    Array.from(starts.subarray(1), (end, i) => [
      words.toString('latin1', offsets[i], offsets[i + 1]),
      [...links.subarray(starts[i], end)],
    ]),
  );

test('property: merging renumbers what stays, forgets what is gone and adds what is new', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '\xc3'), minLength: 1, maxLength: 3 });
  const size = 12;
  const table = fc.dictionary(word, fc.uniqueArray(fc.nat(size - 1), { minLength: 1 }));
  // where each old number goes, and which numbers of the new order are fresh
  const order = fc.array(fc.constantFrom('kept', 'gone', 'fresh'), {
    minLength: 2 * size,
    maxLength: 2 * size,
  });
  fc.assert(
    fc.property(table, table, order, (before, after, kinds) => {
      const map = new Int32Array(size).fill(-1);
      const fresh: number[] = [];
      let [old, next] = [0, 0];
      for (const kind of kinds) {
        if (kind === 'fresh') fresh.push(next++);
        else if (old < size) map[old++] = kind === 'kept' ? next++ : -1;
      }
      const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
      const first = new Map(Object.entries(before).map(([name, numbers]) => [name, sorted(numbers)]));
      const added = new Map(
        Object.entries(after)
          .map(([name, numbers]) => [name, sorted(numbers.flatMap((n) => fresh[n] ?? []))] as const)
          .filter(([, numbers]) => numbers.length > 0),
      );
      const same = { map: new Int32Array(0), bits: 0 };
      const merged = shown(mergeWords(mergeWords(EMPTY, same, first), { map, bits: 0 }, added));
      const expected = new Map<string, number[]>();
      for (const name of [...new Set([...first.keys(), ...added.keys()])].sort()) {
        const kept = (first.get(name) ?? []).map((n) => map[n] ?? -1).filter((n) => n >= 0);
        const numbers = sorted([...kept, ...(added.get(name) ?? [])]);
        if (numbers.length > 0) expected.set(name, numbers);
      }
      assert.deepEqual([...merged], [...expected]);
    }),
  );
});
