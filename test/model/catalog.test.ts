/** A catalog says of each release what its control paragraph says; bad text is refused with file and line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CatalogBuilder } from '../../model/catalog-build.js';
import { Catalog } from '../../model/catalog.js';
import { controlFrom, GtpkgError, parseParagraphs, type Relations } from '../../model/index.js';
import { stanzasOf } from '../../model/packages-text.js';
import { debian } from '../resolver/debian.js';

function compile(text: string): ArrayBuffer {
  const builder = new CatalogBuilder();
  for (const stanza of stanzasOf(Buffer.from(text, 'utf8'), 'Packages')) builder.add(stanza);
  return builder.finish('made of text');
}

const open = (text: string): Catalog => new Catalog(compile(text), { source: 'main', suite: 'stable' });

/** The same facts by the slow way. */
function expected(
  text: string,
): Map<string, { relations: Relations; essential: boolean; multiArch: string }[]> {
  const byName = new Map<string, { relations: Relations; essential: boolean; multiArch: string }[]>();
  for (const paragraph of parseParagraphs(text, { where: 'Packages' })) {
    const { name, relations, essential, multiArch } = controlFrom(paragraph, 'Packages');
    const list = byName.get(name) ?? [];
    list.push({ relations, essential, multiArch });
    byName.set(name, list);
  }
  return byName;
}

function assertSame(text: string): void {
  const catalog = open(text);
  const slow = expected(text);
  assert.deepEqual([...catalog.names()], [...slow.keys()].sort());
  for (const [name, list] of slow) {
    const fast = catalog.versions(name);
    assert.deepEqual(
      fast.map(({ relations, essential, multiArch }) => ({ relations, essential, multiArch })),
      list,
      name,
    );
    for (const candidate of fast)
      for (const { name: given } of candidate.relations.provides)
        assert.ok(catalog.providers(given).includes(candidate), `${name} provides ${given}`);
  }
}

const TEXT = `Package: zz
Version: 1:2.0-1
Architecture: amd64
Multi-Arch: allowed
Essential: yes
Installed-Size: 12
Size: 345
Pre-Depends: libc6 (>= 2.36), aa
Depends: aa (<< 3) | bb:any (= 1) |cc,
 dd (>> 1~rc1),bb:any (= 1)
Recommends: aa (<< 3) | bb:any (= 1) |cc
Suggests: ee
Enhances: ff | gg, hh (>= 2)
Conflicts: aa (<< 1), vv
Breaks: bb (<= 2)
Replaces: bb (<= 2)
Provides: vv, ww (= 3)
Description: text: with a colon
 and more

# a comment
Package: aa
version: 2
ARCHITECTURE: all

Package: zz
Version: 1
Architecture: i386
X-Other: something
`;

test('a catalog says what the paragraphs say', () => {
  assertSame(TEXT);
  const catalog = open(TEXT);
  assert.equal(catalog.meta.stamp, 'made of text');
  const [zz, old] = catalog.versions('zz');
  assert.ok(zz !== undefined && old !== undefined);
  assert.deepEqual(
    [zz.version, zz.architecture, zz.installedSize, zz.downloadSize, zz.source, zz.suite, old.architecture],
    ['1:2.0-1', 'amd64', 12, 345, 'main', 'stable', 'i386'],
  );
  // The same words are the same object, which is what the resolver's memory goes by.
  assert.equal(zz.relations.depends[0], zz.relations.recommends[0]);
  assert.equal(zz.relations.depends[0]?.[1], zz.relations.depends[2]?.[0]);
  assert.deepEqual(catalog.versions('libc6'), []);
  assert.deepEqual(catalog.versions('nothing'), []);
  assert.deepEqual(catalog.providers('aa'), []);
});

const found = debian();

test('all of Debian', { skip: typeof found === 'string' ? found : false }, () => {
  // every twentieth stanza: the slow way takes seconds for all
  const stanzas = (found as Exclude<typeof found, string>).stanzas().filter((_, i) => i % 20 === 0);
  assertSame(`${stanzas.join('\n\n')}\n`);
});

test('what is malformed is refused, with the line', () => {
  const good = 'Package: aa\nVersion: 1\nArchitecture: all\n';
  const cases: readonly (readonly [string, string, number])[] = [
    ['CONTROL_MALFORMED', `${good}\nPackage: bb\nVersion: 1\n`, 5],
    ['CONTROL_MALFORMED', `${good}nonsense\n`, 4],
    ['CONTROL_MALFORMED', ` continued\n${good}`, 1],
    ['CONTROL_MALFORMED', `${good}Version: 2\n`, 4],
    ['CONTROL_MALFORMED', `${good}Multi-Arch: maybe\n`, 4],
    ['CONTROL_MALFORMED', `${good.replace('all', 'a b')}`, 3],
    ['BAD_NAME', `Package: A\nVersion: 1\nArchitecture: all\n`, 1],
    ['BAD_VERSION', `Package: aa\nVersion: x\nArchitecture: all\n`, 2],
    ['BAD_RELATION', `${good}Depends: b c\n`, 4],
    ['BAD_RELATION', `${good}X: y\nDepends: ok,\n b (>= 1\n`, 6],
    ['BAD_VERSION', `${good}Depends: b (>= x)\n`, 4],
    ['BAD_RELATION', `${good}Conflicts: b | c\n`, 4],
    ['BAD_RELATION', `${good}Provides: b (>= 1)\n`, 4],
    ['LIMIT_EXCEEDED', `${good}Depends: ${'b, '.repeat(20_001)}\n`, 4],
    ['LIMIT_EXCEEDED', `${good}Depends: ${'b | '.repeat(20_001)}b\n`, 4],
    ['LIMIT_EXCEEDED', `${good}X: ${'x'.repeat(1 << 20)}\n`, 4],
    ['CONTROL_MALFORMED', '\0\u00ff\n', 1],
  ];
  for (const [code, text, line] of cases) {
    assert.throws(
      () => compile(text),
      (error) =>
        error instanceof GtpkgError &&
        error.code === code &&
        error.data['line'] === line &&
        error.message.startsWith(`Packages:${line}: `),
      `${code} in line ${line}`,
    );
  }
});

test('a file that is none, or was cut short, is refused', () => {
  const whole = compile(TEXT);
  for (const file of [new ArrayBuffer(0), new ArrayBuffer(4096), whole.slice(0, 100), whole.slice(0, -8)]) {
    assert.throws(
      () => new Catalog(file, { source: '', suite: '' }),
      (error) => error instanceof GtpkgError && error.code === 'INDEX_CORRUPT',
    );
  }
});
