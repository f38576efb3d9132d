/** The program in few files, bin/open-bundle.js: does what the modules do, and is used only where it may be. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { World } from '../e2e/harness.js';

const TOP = fileURLToPath(new URL('../../../', import.meta.url));

describe('the bundle and the modules', () => {
  let world: World;
  before(async () => {
    world = await World.make();
  });
  after(() => world.end());

  test('the build made it, with bytecode for this Node', (t) => {
    if (!existsSync(join(TOP, 'dist', 'bundle', 'gtpkg.cjs')))
      return t.skip('tsc -b was run, not npm run build');
    for (const kind of ['resolve', 'ask', 'update', 'all'])
      assert.ok(
        existsSync(join(TOP, 'dist', 'bundle', `gtpkg.cjs.${process.version}-${process.arch}.${kind}`)),
        kind,
      );
  });

  for (const words of [
    ['list'],
    ['list', '--json'],
    ['list', '--help'],
    ['instal', 'x'],
    ['source', 'nothing'],
    ['show', 'nothing-like-it'],
    ['update', '--offline'],
    ['--offline', 'key', 'list'],
    ['install'],
    ['resolve', '--packages', '/nowhere', 'check-all'],
  ])
    test(`say the same: gtpkg ${words.join(' ')}`, async () => {
      const [few, many] = await Promise.all(
        [{}, { GTPKG_UNBUNDLED: '1' }].map((env) => world.run(words, { home: 'home', env })),
      );
      assert.deepEqual(few, many);
    });
});

describe('the bundle is used', () => {
  let top: string;
  const bundle = (...names: string[]): string => join(top, 'dist', 'bundle', ...names);
  const run = (env: NodeJS.ProcessEnv = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(
        process.execPath,
        [join(top, 'bin', 'gtpkg.js'), 'list'],
        { env: { ...process.env, GTPKG_UNBUNDLED: '', ...env } },
        (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stderr))),
      );
    });
  const script = (text: string): string =>
    `(function (exports, require, module, __filename, __dirname) {${text}})`;
  const age = (path: string, seconds: number): Promise<void> => {
    const time = Date.now() / 1000 - seconds;
    return utimes(path, time, time);
  };

  before(async () => {
    top = await mkdtemp(join(tmpdir(), 'gtpkg-bundle-'));
    await cp(join(TOP, 'bin'), join(top, 'bin'), { recursive: true });
    await writeFile(join(top, 'package.json'), '{"type":"module"}');
    for (const folder of ['cli', 'bundle']) await mkdir(join(top, 'dist', folder), { recursive: true });
    await writeFile(join(top, 'dist', 'cli', 'main.js'), 'export const main = () => console.log("modules");');
    await writeFile(join(top, 'dist', 'cli', '.tsbuildinfo'), '');
    await writeFile(
      bundle('gtpkg.cjs'),
      script(
        'exports.main = () => console.log("bundle", require("bundle:other:it"), require("node:path").basename(__filename));',
      ),
    );
    await writeFile(bundle('other.cjs'), script('exports.packages = { it: () => "and other" };'));
    await age(join(top, 'dist', 'cli', '.tsbuildinfo'), 100);
    await age(bundle('gtpkg.cjs'), 50);
  });
  after(() => rm(top, { recursive: true, force: true }));

  test('where it is newer than what was compiled, other files of it too', async () => {
    assert.equal(await run(), 'bundle and other gtpkg.cjs\n');
  });

  test('not when GTPKG_UNBUNDLED=1', async () => {
    assert.equal(await run({ GTPKG_UNBUNDLED: '1' }), 'modules\n');
  });

  test('whatever stands where its bytecode should', async () => {
    const file = bundle(`gtpkg.cjs.${process.version}-${process.arch}.ask`);
    for (const bytes of [Buffer.alloc(0), Buffer.from('nonsense'), Buffer.alloc(100_000, 7)]) {
      await writeFile(file, bytes);
      assert.equal(await run(), 'bundle and other gtpkg.cjs\n');
    }
    await rm(file);
  });

  test('not when a room was compiled since', async () => {
    await age(join(top, 'dist', 'cli', '.tsbuildinfo'), 10);
    assert.equal(await run(), 'modules\n');
    await age(join(top, 'dist', 'cli', '.tsbuildinfo'), 100);
  });

  test('not when it is not there', async () => {
    await rm(bundle('gtpkg.cjs'));
    assert.equal(await run(), 'modules\n');
  });
});
