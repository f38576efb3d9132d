/** What a question loads, module by module (GTPKG_UNBUNDLED): nothing that only publishing, fetching or asking needs. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { World } from '../e2e/harness.js';

const RECORDER = new URL('./record-modules.js', import.meta.url).href;
const HEAVY =
  /node_modules\/(openpgp|isomorphic-git|hypercore[a-z-]*|hyperdht|hyperswarm|corestore|zod|@inquirer|@oclif|string-width|tar-stream|zstd-napi|@hpcc-js|xz-decompress)\//;

describe('start-up: neither cryptography nor git nor the swarm is loaded for', () => {
  let world: World;
  const run = (args: string[]): ReturnType<World['run']> => world.run(args, { home: 'home' });

  before(async () => {
    world = await World.make();
    const must = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await run([...args, '--offline']);
      assert.equal(status, 0, `gtpkg ${args.join(' ')}\n${stdout}${stderr}`);
      return stdout.trim();
    };
    const directory = world.path('hello');
    await mkdir(join(directory, 'data', 'usr', 'bin'), { recursive: true });
    await writeFile(join(directory, 'data', 'usr', 'bin', 'hello'), '#!/bin/sh\necho hello\n');
    await writeFile(
      join(directory, 'control'),
      'Package: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: Ada <ada@example.org>\nDescription: says hello\n',
    );
    const key = await must('key', 'generate', '--name', 'Ada', '--email', 'ada@example.org');
    const introduction = await must('index', 'create', 'acme', '--key', key);
    await must('publish', directory, '--index', 'acme', '--compression', '1');
    await must('source', 'add', introduction);
    await must('install', 'hello');
  });
  after(() => world.end());

  for (const [words, expected] of [
    ['list', /hello +1\.0/],
    ['list --all', /hello +1\.0/],
    ['search hello', /hello +1\.0/],
    ['show hello', /Version: 1\.0/],
    ['files hello', /\/usr\/bin\/hello/],
    ['owns /usr/bin/hello', /^hello:/],
    ['source list', /acme/],
    ['hold hello --dry-run', /would be held/],
    ['show nothing-like-it', /PACKAGE_NOT_FOUND/],
  ] as const) {
    test(`gtpkg ${words}`, async () => {
      const file = world.path(`${words.replaceAll(/\W+/g, '-')}.modules`);
      const { stdout, stderr } = await world.run(words.split(' '), {
        home: 'home',
        env: { GTPKG_TEST_MODULES: file, NODE_OPTIONS: `--import ${RECORDER}`, GTPKG_UNBUNDLED: '1' },
      });
      assert.match(stdout + stderr, expected);
      const modules = (await readFile(file, 'utf8')).split('\n');
      assert.ok(
        modules.some((each) => each.endsWith('/dist/cli/main.js')),
        'modules are recorded',
      );
      assert.deepEqual(
        modules.filter((each) => HEAVY.test(each)),
        [],
      );
      // each module costs a millisecond or more
      assert.ok(modules.length < 85, `${modules.length} modules`);
    });
  }

  test('the recorder sees what is loaded lazily, ESM and CommonJS', async () => {
    const file = world.path('heavy.modules');
    const env = { GTPKG_TEST_MODULES: file, NODE_OPTIONS: `--import ${RECORDER}`, GTPKG_UNBUNDLED: '1' };
    await world.run(['peer', 'list'], { home: 'home', env });
    const text = await readFile(file, 'utf8');
    assert.match(text, /node_modules\/hypercore\//);
    assert.match(text, /dist\/replication\//);
  });

  test('gtpkg --version loads nothing but bin/gtpkg.js', async () => {
    const file = world.path('version.modules');
    const env = { GTPKG_TEST_MODULES: file, NODE_OPTIONS: `--import ${RECORDER}`, GTPKG_UNBUNDLED: '1' };
    const { stdout } = await world.run(['--version'], { home: 'home', env });
    assert.match(stdout, /^gtpkg\/\d+\.\d+\.\d+ /);
    const modules = (await readFile(file, 'utf8')).split('\n').filter((each) => each.startsWith('file:'));
    assert.deepEqual(
      modules.map((each) => each.replace(/^.*\//, '')),
      ['gtpkg.js'],
    );
  });
});
