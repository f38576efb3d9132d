/**
 * Upgrades by deltas, with real processes: what is fetched, and what happens when a delta cannot be used.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { after, before, describe, test } from 'node:test';
import { entriesOf, entryFrom } from '../../index-repo/index.js';
import { commitAnyway, indexPlace, push, signerOf, withDepot } from './evil.js';
import { World, type Running } from './harness.js';

const SIZE = 3_000_000;

/** Bytes that no compressor makes smaller, the same for the same seed. */
function noise(length: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(createHash('sha256').update(`${seed}${i}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

interface Plan {
  readonly steps: readonly { readonly name: string; readonly to: string }[];
  readonly downloadSize: number;
  readonly savedByDeltas: number;
}

describe('an upgrade by deltas', { timeout: 300_000 }, () => {
  let world: World;
  let seeder: Running;
  let introduction: string;
  let key: string;
  const base = noise(SIZE, 'tool');
  const versions: Record<string, Buffer> = {};

  /** Publishes a version: one large file of which a thousand bytes are new, and a changelog. */
  async function publish(version: string, bytes: Buffer): Promise<void> {
    versions[version] = bytes;
    const dir = world.path('work', version);
    await mkdir(join(dir, 'data/usr/lib/tool'), { recursive: true });
    await mkdir(join(dir, 'data/etc'), { recursive: true });
    await writeFile(
      join(dir, 'control'),
      `Package: tool\nVersion: ${version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a tool\n`,
    );
    await writeFile(join(dir, 'data/usr/lib/tool/data'), bytes);
    await writeFile(
      join(dir, 'data/usr/lib/tool/changelog.gz'),
      gzipSync(`${version}\n${'older news\n'.repeat(2000)}`),
    );
    await writeFile(join(dir, 'data/etc/tool.conf'), `version = ${version}\n`);
    await writeFile(join(dir, 'conffiles'), '/etc/tool.conf\n');
    await world.json(['publish', dir, '--index', 'acme', '--compression', '3'], { home: 'maker' });
  }

  const root = (home: string): string => world.path(`${home}-root`);
  const installed = (home: string): Promise<Buffer> => readFile(join(root(home), 'usr/lib/tool/data'));
  const sent = async (): Promise<number> =>
    (await world.json<{ sent: number }>(['status'], { home: 'maker' })).sent;

  async function client(home: string): Promise<void> {
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home });
    await world.json(['install', 'tool=1.0', '--root', root(home)], { home });
  }

  before(async () => {
    world = await World.make();
    await world.startDht();
    const name = ['--name', 'Maker', '--email', 'maker@example.org'];
    key = (await world.json<{ fingerprint: string }>(['key', 'generate', ...name], { home: 'maker' }))
      .fingerprint;
    introduction = (
      await world.json<{ introduction: string }>(['index', 'create', 'acme', '--key', key], { home: 'maker' })
    ).introduction;
    seeder = await world.start(['seed'], { home: 'maker' });
    await publish('1.0', base);
    for (const home of ['plain', 'edited', 'resized', 'cut-off', 'fooled']) await client(home);
    const next = Buffer.from(base);
    noise(1000, 'news').copy(next, 1_000_000);
    await publish('1.1', next);
  });
  after(() => world?.end());

  test('fetches what changed, and says what it saves', async () => {
    await world.json(['update'], { home: 'plain' });
    const plan = await world.json<Plan>(['upgrade', '--dry-run', '--root', root('plain')], { home: 'plain' });
    assert.equal(plan.steps[0]?.to, '1.1');
    assert.ok(plan.downloadSize < 10_000, `${plan.downloadSize} bytes to fetch`);
    assert.ok(plan.savedByDeltas > SIZE - 10_000, `${plan.savedByDeltas} bytes saved`);
    const before = await sent();
    await world.json(['upgrade', '--root', root('plain')], { home: 'plain' });
    const bytes = (await sent()) - before;
    assert.ok(bytes < 60_000, `the seeder sent ${bytes} bytes`);
    assert.ok((await installed('plain')).equals(versions['1.1'] as Buffer));
    assert.equal((await world.run(['verify', '--root', root('plain')], { home: 'plain' })).status, 0);
  });

  test('an edited conffile is no hindrance; a file that the user changed is, and then all of it is fetched', async () => {
    const home = 'edited';
    await writeFile(join(root(home), 'etc/tool.conf'), 'mine\n');
    const changed = Buffer.from(base);
    changed.fill(7, 2_000_000, 2_000_100);
    await writeFile(join(root(home), 'usr/lib/tool/data'), changed);
    await world.json(['update'], { home });
    const { status, stderr } = await world.run(['upgrade', '--root', root(home)], { home });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /The delta of tool cannot be used .* fetching all of it/);
    assert.ok((await installed(home)).equals(versions['1.1'] as Buffer));
    assert.equal(await readFile(join(root(home), 'etc/tool.conf'), 'utf8'), 'mine\n');
  });

  test('a file that is not as large as it was: the delta is not even fetched', async () => {
    const home = 'resized';
    await writeFile(join(root(home), 'usr/lib/tool/data'), base.subarray(1));
    await world.json(['update'], { home });
    const plan = await world.json<Plan>(['upgrade', '--dry-run', '--root', root(home)], { home });
    assert.equal(plan.savedByDeltas, 0);
    await world.json(['upgrade', '--root', root(home)], { home });
    assert.ok((await installed(home)).equals(versions['1.1'] as Buffer));
  });

  test('a delta that does what its index says, and is rubbish: all of it is fetched instead', async () => {
    const home = 'fooled';
    await world.stop(seeder);
    const place = await indexPlace(world.path('maker'), 'acme');
    const [entry] = (await entriesOf(place.directory, 'stable', 'tool')).filter(
      ({ pin }) => pin.version === '1.1',
    );
    assert.ok(entry !== undefined && entry.deltas[0] !== undefined);
    const listed = entry.deltas[0];
    const rubbish = await withDepot(world.path('maker'), (depot) =>
      depot.putStaticBytes(noise(5000, 'rubbish')),
    );
    const signer = await signerOf(world.path('maker'), key);
    const list = async (core: typeof rubbish): Promise<void> => {
      const changed = entryFrom(entry.control, entry.pin, [{ ...listed, core }]);
      await commitAnyway(place, { signers: [signer], entries: [changed] });
      await push(place);
    };
    await list(rubbish);
    seeder = await world.start(['seed'], { home: 'maker' });
    await world.json(['update'], { home });
    const { status, stderr } = await world.run(['upgrade', '--root', root(home)], { home });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /The delta of tool cannot be used .* fetching all of it/);
    assert.ok((await installed(home)).equals(versions['1.1'] as Buffer));
    await world.stop(seeder);
    await list(listed.core);
    seeder = await world.start(['seed'], { home: 'maker' });
  });

  test('a delta that no peer holds: all of it is fetched from one that holds that', async () => {
    const mirror = ['--root', root('mirror')];
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'mirror' });
    await world.json(['install', 'tool', ...mirror], { home: 'mirror' });
    await world.json(['update'], { home: 'cut-off' });
    await world.stop(seeder);
    const other = await world.start(['seed'], { home: 'mirror' });
    const { status, stderr } = await world.run(['upgrade', '--root', root('cut-off'), '--timeout', '5'], {
      home: 'cut-off',
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /The delta of tool cannot be used/);
    assert.ok((await installed('cut-off')).equals(versions['1.1'] as Buffer));
    await world.stop(other);
  });
});
