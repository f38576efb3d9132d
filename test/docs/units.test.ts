/**
 * The systemd units in docs/seeding.md: systemd itself judges them, and their command lines have only flags that there are.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseRate, parseSize } from '../../cli/amounts.js';
import Seed from '../../cli/commands/seed.js';
import type { FlagData } from '../../cli/flags.js';
import { parseWords } from '../../cli/parse.js';

const DOCUMENT = fileURLToPath(new URL('../../../docs/seeding.md', import.meta.url));
const COMMAND = '/usr/local/bin/gtpkg';

describe('the units in docs/seeding.md', () => {
  let units: string[] = [];
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gtpkg-units-'));
    units = [...(await readFile(DOCUMENT, 'utf8')).matchAll(/^```ini\n([\s\S]*?)^```/gm)].map(
      ([, text]) => text ?? '',
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('start gtpkg seed with flags that there are', async () => {
    assert.equal(units.length, 2);
    for (const unit of units) {
      const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
      const [file, name, ...words] = line.split(' ');
      assert.equal(file, COMMAND);
      assert.equal(name, 'seed');
      const { flags } = await parseWords(
        { flags: Seed.flags as unknown as Record<string, FlagData>, args: {}, strict: false },
        words,
      );
      assert.ok(parseSize(String(flags['limit'])) > 1e9);
      assert.ok(parseRate(String(flags['up'])) > 1e6);
      assert.match(unit, /^KillSignal=SIGTERM$/m);
      assert.match(unit, /^Restart=on-failure$/m);
    }
  });

  test('are accepted by systemd', async (context) => {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined)
      return context.skip('systemd-analyze is not here');
    for (const [i, unit] of units.entries()) {
      const path = join(folder, `gtpkg-seed-${i}.service`);
      await writeFile(path, unit.replaceAll(COMMAND, process.execPath));
      const { status, stderr } = spawnSync(
        'systemd-analyze',
        [...(unit.includes('WantedBy=default.target') ? ['--user'] : []), 'verify', path],
        { encoding: 'utf8', env: { ...process.env, XDG_RUNTIME_DIR: folder } },
      );
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, new RegExp(`${path}.*(unknown|invalid|ignoring)`, 'i'));
    }
  });
});

describe('sizes and rates', () => {
  test('are read as people write them', () => {
    const sizes = { '100GB': 1e11, '512MiB': 2 ** 29, '1.5T': 1.5e12, '8 kb': 8000, '7': 7, '1Gi': 2 ** 30 };
    for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseSize(text), bytes, text);
    for (const [text, bytes] of Object.entries({
      '8MiB/s': 8 * 2 ** 20,
      '500kB/s': 5e5,
      '1Mps': 1e6,
      '9M': 9e6,
    }))
      assert.equal(parseRate(text), bytes, text);
    for (const text of ['', '0', '-1GB', '8Mbit', '1e9', 'GB', '1 000', '100GB/s', '1ZB', '9'.repeat(16)])
      assert.throws(() => parseSize(text), { code: 'USAGE' }, text);
  });
});
