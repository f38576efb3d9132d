/** Algorithms that have a last day: said a year ahead, refused afterwards. The clocks of the commands are turned. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { lacks } from '../git/support.js';
import { World } from './harness.js';

const DAY = 24 * 60 * 60 * 1000;

describe('a key whose algorithm has a last day', { skip: lacks('gpg'), timeout: 120_000 }, () => {
  let world: World;
  /** as if it were so many days before that day */
  const before31 = (days: number): NodeJS.ProcessEnv => ({
    NODE_OPTIONS: `--import=${new URL('../faults/shifted-clock.js', import.meta.url).href}`,
    GTPKG_TEST_CLOCK: String(limits.LATER_RSA_DATE.getTime() - days * DAY - Date.now()),
  });

  const version = (text: string): Promise<void> =>
    writeFile(
      world.path('tool', 'control'),
      `Package: tool\nVersion: ${text}\nArchitecture: all\nMaintainer: O <old@example.org>\nDescription: old\n`,
    );

  before(async () => {
    world = await World.make();
    const gnupg = world.path('gnupg');
    await mkdir(gnupg, { mode: 0o700 });
    const gpg = (...args: string[]): Buffer =>
      execFileSync('gpg', ['--batch', '--quiet', '--homedir', gnupg, '--passphrase', '', ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    gpg('--quick-gen-key', 'Old <old@example.org>', 'rsa2048', 'sign', 'never');
    await writeFile(world.path('old.asc'), gpg('--armor', '--export-secret-keys', 'old@example.org'));
    execFileSync('gpgconf', ['--homedir', gnupg, '--kill', 'all'], { stdio: 'ignore' });
    await mkdir(world.path('tool', 'data', 'usr'), { recursive: true });
    await writeFile(world.path('tool', 'data', 'usr', 'tool'), 'a tool\n');
    await version('1.0');
    await world.json(['status'], { home: 'one' }); // the store is compared with the kernel's clock, which is not turned
  });
  after(() => world?.end());

  test('update names it a year ahead; from that day on it signs nothing', async () => {
    const at = { home: 'one', env: before31(100) };
    await world.json(['key', 'import', world.path('old.asc')], at);
    await world.json(['key', 'generate', '--name', 'Root', '--email', 'root@example.org'], at);
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', 'root@example.org'],
      at,
    );
    await world.json(['publish', world.path('tool'), '--index', 'acme', '--key', 'old@example.org'], at);
    await world.json(['source', 'add', made.introduction], at);
    const { status, stderr } = await world.run(['update'], at);
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /the maintainer's key [0-9A-F]{40} \(Old <old@example\.org>\) in acme is refused from 2031-01-01 on/,
    );
    const late = { home: 'one', env: before31(-2) };
    await version('2.0');
    await world.json(['package', 'build', world.path('tool')], late);
    const error = await world.fails(['package', 'sign', 'tool', '2.0', '--key', 'old@example.org'], late);
    assert.equal(error.code, 'SIGNATURE_WEAK');
  });
});
