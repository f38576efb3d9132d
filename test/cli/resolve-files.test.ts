/**
 * What `gtpkg resolve` makes of the files that it is given: packed in every way that mirrors and apt use, and wrong in every way that
 * comes to mind. An error names file and line, or there is an answer; nothing hangs, nothing takes memory without bound.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openPackages } from '../../cli/workflows/resolve-files.js';
import { resolveFiles, type Checked, type ResolvedPlan } from '../../cli/workflows/resolve.js';
import { GtpkgError, limits } from '../../model/index.js';
import { compress } from '../../package-repo/index.js';

const folder = mkdtempSync(join(tmpdir(), 'gtpkg-files-'));
process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
// what is kept of a compiled file is written when the answer is given already
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let count = 0;

function file(content: string | Uint8Array): string {
  const path = join(folder, `Packages${++count}`);
  writeFileSync(path, typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
  return path;
}

const ask = (content: string | Uint8Array, ...words: string[]): Promise<ResolvedPlan | Checked> =>
  resolveFiles({
    packages: [file(content)],
    status: undefined,
    extendedStates: undefined,
    architecture: 'amd64',
    foreign: [],
    recommends: true,
    full: false,
    purge: false,
    words,
  });

async function steps(content: string | Uint8Array, ...words: string[]): Promise<string> {
  const answer = await ask(content, ...words);
  assert.ok(answer.kind === 'plan');
  return answer.steps.map(({ name, version }) => `${name}=${version}`).join(' ');
}

async function fails(content: string | Uint8Array, code: string, message: RegExp): Promise<void> {
  await assert.rejects(ask(content, 'install', 'aa'), (error) => {
    assert.ok(error instanceof GtpkgError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

const stanza = (name: string, version: string, ...fields: string[]): string =>
  [`Package: ${name}`, `Version: ${version}`, 'Architecture: amd64', ...fields, ''].join('\n');
const AA = stanza('aa', '1');

async function zstd(text: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of compress([Buffer.from(text)], { level: 3 })) parts.push(part);
  return Buffer.concat(parts);
}

// One frame: literals, then a match that reaches over the end of what it repeats, then a stored block.
function lz4(): Buffer {
  const head = Buffer.from('04224d18604000', 'hex');
  const text = Buffer.from(AA);
  const first = Buffer.concat([Buffer.from([0xf0, text.length - 15]), text]);
  const spaces = Buffer.from('Description: x');
  const second = Buffer.from([(spaces.length << 4) | 4, ...spaces, 1, 0, 0x10, 10]);
  const stored = Buffer.from(`\n${stanza('bb', '2', 'Depends: aa')}`);
  const sized = (bytes: Buffer, flag: number): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE((bytes.length | flag) >>> 0);
    return Buffer.concat([size, bytes]);
  };
  return Buffer.concat([head, sized(first, 0), sized(second, 0), sized(stored, 1 << 31), Buffer.alloc(4)]);
}

test('packed with gzip, zstd, LZ4', async () => {
  const text = `${AA}\n${stanza('bb', '2', 'Depends: aa')}`;
  for (const packed of [gzipSync(text), await zstd(text), lz4()])
    assert.equal(await steps(packed, 'install', 'bb'), 'aa=1 bb=2');
});

test(
  'packed with xz',
  { skip: spawnSync('xz', ['--version']).status === 0 ? false : 'no xz here' },
  async () => {
    const packed = execFileSync('xz', ['-c'], { input: AA });
    assert.equal(await steps(packed, 'install', 'aa'), 'aa=1');
    await fails(
      packed.subarray(0, -3),
      'CONTROL_MALFORMED',
      /Packages\d+: a \.xz file that is damaged or cut short/,
    );
  },
);

test('damaged, cut short, of another kind', async () => {
  const damaged = (bytes: Buffer): Buffer[] => [
    bytes.subarray(0, -5),
    bytes.subarray(0, bytes.length / 2),
    Buffer.concat([bytes, Buffer.from('more')]),
  ];
  for (const bytes of [...damaged(gzipSync(AA.repeat(50))), ...damaged(await zstd(AA)), ...damaged(lz4())])
    await fails(
      bytes,
      'CONTROL_MALFORMED',
      /Packages\d+: a \.(gz|zst|lz4) file that is damaged or cut short/,
    );
  await fails('BZh91AY', 'CONTROL_MALFORMED', /is packed with bzip2, which gtpkg does not read/);
  for (let seed = 1; seed < 400; seed++) {
    const bytes = Buffer.from(lz4());
    bytes[(seed * 7) % bytes.length] = (seed * 31) & 255;
    await ask(bytes, 'install', 'aa').catch((error: unknown) =>
      assert.ok(error instanceof GtpkgError, String(error)),
    );
  }
});

const LISTS = '/var/lib/apt/lists';
const list = ((): string | undefined => {
  try {
    return readdirSync(LISTS).find((name) => /_main_binary-\w+_Packages\.lz4$/.test(name));
  } catch {
    return undefined;
  }
})();

test(
  'apt’s own lists, as they lie there',
  { skip: list === undefined ? 'apt keeps no .lz4 here' : false },
  async () => {
    const path = join(LISTS, list ?? '');
    const text = execFileSync('/usr/lib/apt/apt-helper', ['cat-file', path], { maxBuffer: 1 << 28 });
    const catalog = await openPackages(path);
    assert.equal(catalog.size, text.toString('latin1').match(/^Package: /gm)?.length);
  },
);

test('a bomb: more comes out than a list may have', async () => {
  const member = gzipSync(Buffer.alloc(1 << 20));
  const members = Math.ceil(limits.MAX_PACKAGES_TEXT / (1 << 20)) + 1;
  await fails(
    Buffer.concat(Array.from({ length: members }, () => member)),
    'LIMIT_EXCEEDED',
    /Packages\d+ is larger than/,
  );
});

test('wrong, and where', async () => {
  const line = (n: number, what: string): RegExp => new RegExp(`Packages\\d+:${n}: .*${what}`, 's');
  await fails(`${AA}nonsense\n`, 'CONTROL_MALFORMED', line(4, 'neither a field nor a continuation'));
  await fails(` continued\n${AA}`, 'CONTROL_MALFORMED', line(1, 'continuation line without a field'));
  await fails(`${AA}Version: 2\n`, 'CONTROL_MALFORMED', line(4, 'stands twice'));
  await fails(`${AA}\nPackage: bb\nVersion: 1\n`, 'CONTROL_MALFORMED', line(5, 'Architecture is missing'));
  await fails(`${AA}\nVersion: 1\nArchitecture: all\n`, 'CONTROL_MALFORMED', line(5, 'Package is missing'));
  await fails(`${AA}\n${stanza('B_', '1')}`, 'BAD_NAME', line(5, 'not a package name'));
  await fails(`${AA}\n${stanza('bb', '1:2:3-')}`, 'BAD_VERSION', line(6, ''));
  await fails(`${AA}Multi-Arch: perhaps\n`, 'CONTROL_MALFORMED', line(4, 'Multi-Arch'));
  await fails(`${AA}Provides: bb (>= 2)\n`, 'BAD_RELATION', line(4, 'must name one version'));
  await fails(`${AA}Conflicts: bb | cc\n`, 'BAD_RELATION', line(4, 'alternatives'));
  await fails(`${AA}Depends: dd, bb (>= )\n`, 'BAD_VERSION', line(4, ''));
  for (const bad of [
    'bb cc',
    'bb (~ 1)',
    'bb (>= 1',
    '| bb',
    'bb |',
    'Bb',
    'bb:(= 1)',
    'bb [amd64]',
    '$' + '{misc:Depends}',
    'bb\0cc',
  ])
    await fails(`${AA}Depends: dd, ${bad}\n`, 'BAD_RELATION', line(4, 'is not a package relation'));
  await fails(`${AA}\0\n`, 'CONTROL_MALFORMED', line(4, ''));
  await fails(
    `\ufeff${AA}`.replace('\ufeff', '\xef\xbb\xbf'),
    'CONTROL_MALFORMED',
    line(1, 'byte order mark'),
  );
  const many = (n: number): string => Array.from({ length: n }, (_, i) => `p${i}`).join(', ');
  await fails(`${AA}Depends: ${many(limits.MAX_RELATIONS + 1)}\n`, 'LIMIT_EXCEEDED', line(4, 'more than'));
  await fails(
    `${AA}Description: ${'x'.repeat(limits.MAX_CONTROL)}\n`,
    'LIMIT_EXCEEDED',
    line(4, 'larger than'),
  );
  await fails(
    `${AA}Description: x\n${' y\n'.repeat(limits.MAX_CONTROL / 3)}`,
    'LIMIT_EXCEEDED',
    /Packages\d+:\d+: .*larger than/,
  );
});

test('odd, and right all the same', async () => {
  assert.equal(await steps(`${AA}\n`.replaceAll('\n', '\r\n'), 'install', 'aa'), 'aa=1');
  assert.equal(await steps(`\n\n# a comment\n${AA}\n\n\n\n`, 'install', 'aa'), 'aa=1');
  assert.equal(await steps(AA.trimEnd(), 'install', 'aa'), 'aa=1');
  assert.equal(await steps(`${AA}Depends: , ,\nDescription:\n`, 'install', 'aa'), 'aa=1');
  assert.equal(await steps(`${AA}Installed-Size: a lot\nSize: -7\n`, 'install', 'aa'), 'aa=1');
  // an empty list has nothing in it
  for (const empty of ['', '\n', '# nothing\n', gzipSync('')]) {
    const answer = await ask(empty, 'check-all');
    assert.ok(answer.kind === 'check' && answer.total === 0);
  }
  await fails('', 'PACKAGE_NOT_FOUND', /no package "aa"/);
});

test('cycles, self-conflict, two versions, ten thousand alternatives', async () => {
  const cycle = Array.from({ length: 3000 }, (_, i) =>
    stanza(`p${i}`, '1', `Depends: p${(i + 1) % 3000}`, `Pre-Depends: p${(i + 7) % 3000}`),
  );
  const all = await ask(cycle.join('\n'), 'install', 'p0');
  assert.ok(all.kind === 'plan' && all.steps.length === 3000);
  assert.equal(await steps(stanza('aa', '1', 'Conflicts: aa', 'Breaks: aa (<< 5)'), 'install', 'aa'), 'aa=1');
  assert.equal(
    await steps(stanza('aa', '1', 'Provides: mta', 'Conflicts: mta', 'Depends: mta'), 'install', 'aa'),
    'aa=1',
  );
  assert.equal(await steps(`${AA}\n${stanza('aa', '2')}\n${stanza('aa', '2~rc')}`, 'install', 'aa'), 'aa=2');
  // the same release twice, and with other words: one of them, always the same
  const twice = [
    stanza('aa', '1', 'Depends: bb'),
    stanza('aa', '1', 'Depends: cc'),
    stanza('bb', '1'),
    stanza('cc', '1'),
  ];
  assert.equal(
    await steps(twice.join('\n'), 'install', 'aa'),
    await steps(twice.reverse().join('\n'), 'install', 'aa'),
  );
  const names = Array.from({ length: 10_000 }, (_, i) => `alt${i}`);
  const wide = stanza('aa', '1', `Depends: ${names.join(' | ')}`);
  assert.equal(await steps(`${wide}\n${stanza('alt9999', '1')}`, 'install', 'aa'), 'alt9999=1 aa=1');
  // every one of them is there and leads nowhere
  const dead = names.map((name) => stanza(name, '1', 'Depends: nowhere'));
  await fails(`${wide}\n${dead.join('\n')}`, 'NO_SOLUTION', /aa 1 depends on one of 10000 packages/);
  await fails(wide, 'NO_SOLUTION', /none of the 10000 alternatives/);
  // 300 packages that exclude each other, of which two are wanted
  const apart = Array.from({ length: 300 }, (_, i) =>
    stanza(`x${i}`, '1', 'Provides: one', 'Conflicts: one'),
  );
  await fails(
    `${stanza('aa', '1', 'Depends: x1, x2')}\n${apart.join('\n')}`,
    'NO_SOLUTION',
    /conflicts with one/,
  );
  // pigeons: seven packages, each in one of six places of which each takes one
  const holes = Array.from({ length: 6 }, (_, h) => h);
  const pigeons = Array.from({ length: 7 }, (_, p) => p);
  const birds = pigeons.flatMap((p) => [
    stanza(`bird${p}`, '1', `Depends: ${holes.map((h) => `b${p}h${h}`).join(' | ')}`),
    ...holes.map((h) => stanza(`b${p}h${h}`, '1', `Provides: h${h}`, `Conflicts: h${h}`)),
  ]);
  await fails(
    `${stanza('aa', '1', `Depends: ${pigeons.map((p) => `bird${p}`).join(', ')}`)}\n${birds.join('\n')}`,
    'NO_SOLUTION',
    /You asked for aa/,
  );
});
