/** The question about a conffile that both sides changed, on a terminal: the difference is shown, the answer counts, ^C changes nothing. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BIN, World } from './harness.js';

const noScript = spawnSync('script', ['--version']).error !== undefined ? 'script is not here' : false;

describe('a conffile that both sides changed', { timeout: 120_000, skip: noScript }, () => {
  let world: World;
  const home = { home: 'one' };
  const conf = (): string => world.path('root/etc/tool.conf');

  async function publish(version: string): Promise<void> {
    const dir = world.path(`work-${version}`);
    await mkdir(join(dir, 'data/etc'), { recursive: true });
    const control = `Package: tool\nVersion: ${version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a tool\n`;
    await writeFile(join(dir, 'control'), control);
    await writeFile(join(dir, 'data/etc/tool.conf'), `colour = ${version}\x1b[2Jblue\n`);
    await writeFile(join(dir, 'conffiles'), '/etc/tool.conf\n');
    await world.json(['publish', dir, '--index', 'acme', '--compression', '1', '--offline'], home);
  }

  before(async () => {
    world = await World.make();
    const mail = ['--name', 'A', '--email', 'a@example.org'];
    const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], home);
    const { introduction } = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', fingerprint],
      home,
    );
    await publish('1');
    await world.json(['source', 'add', introduction, '--name', 'acme'], home);
    await world.json(['install', 'tool', '--root', world.path('root')], home);
    await publish('2');
    await world.json(['update'], home);
    await writeFile(conf(), 'colour = mine\n');
  });
  after(() => world?.end());

  /** Upgrades on a terminal; types the next of `answers` whenever the question is drawn. */
  async function upgrade(answers: readonly string[]): Promise<{ status: number; text: string }> {
    const words = [process.execPath, BIN, 'upgrade', 'tool', '--root', world.path('root')];
    const line = words.map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qefc', `stty rows 30 cols 100; ${line}`, '/dev/null'], {
      env: {
        ...process.env,
        GTPKG_HOME: world.path('one'),
        GTPKG_BOOTSTRAP: 'none',
        GTPKG_LAN: 'off',
        TERM: 'xterm',
        NO_COLOR: '1',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    let seen = 0;
    const left = [...answers];
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const at = text.indexOf('so did the new tool', seen);
      // all choices are drawn
      if (at < 0 || text.indexOf('what is different', at) < 0 || left.length === 0) return;
      seen = text.length;
      const answer = left.shift() ?? '';
      setTimeout(() => child.stdin.write(answer), 200);
    });
    const [status] = (await once(child, 'exit')) as [number];
    return { status, text };
  }

  test('^C at the question: nothing was changed', async () => {
    const { status } = await upgrade(['\x03']);
    assert.notEqual(status, 0);
    assert.equal(await readFile(conf(), 'utf8'), 'colour = mine\n');
    const { packages } = await world.json<{ packages: { version: string }[] }>(
      ['list', '--root', world.path('root')],
      home,
    );
    assert.deepEqual(
      packages.map(({ version }) => version),
      ['1'],
    );
  });

  test('the difference, without the escapes that are in it; then the new one is taken', async () => {
    // up from the first is the last: the difference
    const { status, text } = await upgrade(['\x1b[A\r', '\x1b[B\r']);
    assert.equal(status, 0, text);
    assert.match(text, /-colour = mine/);
    assert.match(text, /\+colour = 2/);
    assert.ok(!text.includes('\x1b[2Jblue'), 'a conffile spoke to the terminal');
    assert.match(await readFile(conf(), 'utf8'), /colour = 2/);
    assert.equal(await readFile(`${conf()}.gtpkg-old`, 'utf8'), 'colour = mine\n');
  });
});
