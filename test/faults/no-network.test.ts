/** No network at all, a full disk under the store, a clock that is a day off. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { Mounts, noMounts } from '../e2e/mounts.js';
import { Hosts, noHosts } from '../e2e/hosts.js';
import { Scene } from './scene.js';

const MiB = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;
const network = noHosts();
const mounts = noMounts();
for (const why of [network, mounts]) if (why !== false) console.log(`some are skipped: ${why}`);

describe('machines in a bad state', { timeout: 400_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.make(36 * MiB);
  });
  afterEach(() => scene.rest());
  after(() => scene?.end());

  test(
    'no network at all: said within seconds, whatever the command and whoever is known',
    { skip: network },
    async () => {
      const hosts = await Hosts.make();
      try {
        const { through } = await hosts.lonely();
        const client = await scene.home();
        const env = { GTPKG_BOOTSTRAP: '', GTPKG_LAN: 'on', GTPKG_TIMEOUT: '' }; // as it comes
        const at = { ...scene.options(client, env), through };
        for (const peers of [false, true]) {
          // an address on another machine does not make it a network
          if (peers) {
            const address = `${'y'.repeat(52)}@192.0.2.7:4000`;
            await scene.knows(client, {
              address,
              sent: () => Promise.resolve(0),
              kill: () => Promise.resolve(),
            });
          }
          for (const args of [['download', 'big'], ['update']]) {
            const started = performance.now();
            const error = await scene.world.fails(args, at);
            const took = performance.now() - started;
            assert.deepEqual(
              [error.status, error.code, error.data['reason']],
              [6, 'OFFLINE', 'no-network'],
              error.message,
            );
            assert.match(error.message, /this machine has no network/);
            assert.ok(took < 12_000, `${took} ms`);
          }
        }
      } finally {
        await hosts.end();
      }
    },
  );

  test('--offline is not "no peer": it says what is not here', async () => {
    const client = await scene.home();
    const one = await scene.world.fails(['download', 'big', '--offline'], scene.options(client));
    assert.equal(one.code, 'OFFLINE');
    assert.match(one.message, /big 1\.0/);
    const two = await scene.world.fails(['update', '--offline'], scene.options(client));
    assert.deepEqual([two.code, two.data['reason']], ['OFFLINE', 'offline']);
    assert.match(two.message, /--offline forbids/);
    assert.match(two.hint, /without --offline/);
  });

  test(
    'store on a full disk: NO_SPACE, what came is kept, and it goes on when there is room',
    { skip: mounts },
    async () => {
      const client = await scene.home();
      const path = scene.world.path(client, 'store');
      // the disk looks large enough and then another program takes the room; not what RocksDB reserved for its log already,
      // which is less than the package
      const disk = await Mounts.make('mkdir -p "$1"; mount -t tmpfs -o size=128m none "$1"; ', [path]);
      try {
        const through = disk.through;
        const seeder = await scene.seed('publisher', 8 * MiB);
        await scene.knows(client, seeder);
        const download = scene.download(client, {}, through);
        assert.ok(await download.fetched(limits.RELEASE_CHUNK), download.output);
        disk.sh('dd if=/dev/zero of="$1/ballast" bs=1M 2>/dev/null || true', [path]);
        assert.equal(await download.ended, 7, download.output);
        const { error } = JSON.parse(download.output) as { error: { code: string } };
        assert.equal(error.code, 'NO_SPACE', download.output);
        disk.sh('rm "$1/ballast"', [path]);
        await scene.world.json(['download', 'big'], { ...scene.options(client), through });
        await scene.world.json(['download', 'big', '--offline'], { ...scene.options(client), through });
      } finally {
        await disk.end();
      }
    },
  );

  for (const [who, shift] of [
    ['a day ahead', DAY],
    ['a day behind', -DAY],
  ] as const) {
    const clock = {
      NODE_OPTIONS: `--import=${new URL('shifted-clock.js', import.meta.url).href}`,
      GTPKG_TEST_CLOCK: String(shift),
    };

    test(`clock a day off: a client ${who}`, async () => {
      const client = await scene.home();
      await scene.run(client, ['status']); // makes the store: it is compared with the kernel's clock, which we cannot turn
      await scene.knows(client, await scene.seed('publisher'));
      const at = scene.options(client, clock);
      if (shift > 0) {
        await scene.world.json(['update'], at);
        await scene.world.json(['download', 'big'], at);
      } else {
        // it was signed tomorrow: refused, the clock is named, and nothing moved
        const error = await scene.world.fails(['download', 'big'], at);
        assert.deepEqual([error.status, error.code], [5, 'SIGNATURE_FUTURE']);
        assert.match(error.hint, /clock of this machine/);
        await rm(scene.world.path(client, 'sources', 'acme', 'state.json'));
        const news = await scene.world.fails(['update'], at);
        assert.equal(news.status, 5);
        assert.match(news.code, /FUTURE/);
        assert.match(news.hint, /clock of this machine/);
      }
      // and the clock is put right
      await scene.run(client, ['update']);
      await scene.run(client, ['download', 'big']);
      await scene.isWhole(client);
    });

    test(`clock a day off: a seeder ${who} serves`, async () => {
      const running = await scene.world.seed('publisher', [], clock);
      const { address } = running;
      const client = await scene.home();
      await scene.knows(client, { address, sent: () => Promise.resolve(0), kill: () => Promise.resolve() });
      await scene.run(client, ['update']);
      await scene.run(client, ['download', 'big']);
      await scene.isWhole(client);
      await scene.world.stop(running);
    });
  }
});
