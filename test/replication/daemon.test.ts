import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { openDepot } from '../../replication/index.js';
import { code, collect, listening, World, type RemoteNode } from './world.js';

const LIMIT = { timeout: 120_000 };
let world: World;
let daemon: RemoteNode;

describe('the daemon socket', () => {
  before(async () => {
    world = await World.create();
    daemon = await world.process('home', { daemon: true, listen: { host: '127.0.0.1', port: 0 } });
  });
  after(() => world.close());

  test(
    'another process of the same home works through the daemon as if it owned the store',
    LIMIT,
    async () => {
      assert.equal(statSync(world.path('home/daemon.sock')).mode & 0o777, 0o600);
      const depot = await world.depot('home');
      assert.equal(depot.remote, true);
      const status = await depot.status();
      assert.equal(status.daemon, true);
      assert.equal(status.pid, daemon.pid);
      assert.equal(status.publicKey, depot.publicKey);

      const bytes = randomBytes(11 * 1024 * 1024 + 3); // more than one frame, more than the window
      const ref = await depot.putStatic(await world.file('content', bytes));
      assert.deepEqual(await depot.putStaticBytes(bytes), ref);
      assert.deepEqual(await depot.held([ref]), [bytes.length]);
      assert.ok(bytes.equals(await collect(depot.source(ref).read(0, bytes.length))));
      assert.ok(bytes.subarray(99, 700_000).equals(await collect(depot.source(ref).read(99, 699_901))));
      await assert.rejects(collect(depot.source(ref).read(5, bytes.length)), code('CORE_MISMATCH'));
      for await (const chunk of depot.source(ref).read(0, bytes.length)) {
        assert.ok(chunk.length > 0);
        break; // a reader that stops early blocks nobody
      }

      const key = await depot.createLog('main');
      assert.equal(await depot.createLog('main'), key);
      const log = await depot.openLog(key);
      assert.equal(log.writable, true);
      const blocks = [Buffer.from('one'), Buffer.alloc(0), randomBytes(limits.MAX_INDEX_BLOCK)];
      await log.append(blocks);
      assert.equal(log.length, 3);
      assert.deepEqual([await log.get(0), await log.get(1), await log.get(2)], blocks);
      await log.append(Array.from({ length: 20 }, () => randomBytes(limits.MAX_INDEX_BLOCK)));
      assert.equal(log.length, 23);
      await assert.rejects(log.append([Buffer.alloc(limits.MAX_INDEX_BLOCK + 1)]), code('LIMIT_EXCEEDED'));
      await log.close();
    },
  );

  test('a client with a daemon fetches through it, with progress and a signal', LIMIT, async () => {
    const { depot: seeder, peer } = await world.seeder('seeder');
    const bytes = randomBytes(6 * 1024 * 1024);
    const ref = await seeder.putStaticBytes(bytes);
    const depot = await world.depot('home');
    await depot.addPeers([peer]);
    assert.deepEqual(
      (await depot.peers()).map((stored) => stored.key),
      [peer.key],
    );
    let last = 0;
    await depot.fetch([ref], {
      onProgress: ({ done, total }) => {
        assert.equal(total, bytes.length);
        assert.ok(done >= last);
        last = done;
      },
    });
    assert.equal(last, bytes.length);
    assert.ok(bytes.equals(await collect(depot.source(ref).read(0, bytes.length))));

    const nowhere = {
      key: (await (await world.depot('elsewhere', { offline: true })).putStaticBytes(randomBytes(9))).key,
      byteLength: 9,
    };
    await assert.rejects(depot.fetch([nowhere], { timeout: 1500 }), code('BLOCKS_MISSING'));
    await assert.rejects(depot.fetch([nowhere], { offline: true }), code('OFFLINE'));
    const offline = await world.depot('home', { offline: true });
    await assert.rejects(offline.fetch([nowhere]), code('OFFLINE'));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(depot.fetch([nowhere], { signal: stop.signal }), code('TIMEOUT'));
    await depot.removePeers([peer.key]);
    assert.deepEqual(await depot.peers(), []);
  });

  test('what the daemon holds, others get from it', LIMIT, async () => {
    const depot = await world.depot('home');
    const ref = await depot.putStaticBytes(randomBytes(1_000_000));
    const client = await world.depot('client');
    await client.addPeers([listening(await depot.status())]);
    await client.fetch([ref]);
    assert.deepEqual(await client.held([ref]), [ref.byteLength]);
  });

  test('many processes at once share the daemon', LIMIT, async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => world.process('home')));
    const path = await world.file('shared', randomBytes(700_000));
    const refs = await Promise.all([...nodes, ...nodes].map((node) => node.put(path)));
    assert.equal(new Set(refs.map((ref) => ref.key)).size, 1);
    assert.deepEqual(
      await nodes[0]?.call('loaded', '/node_modules/'),
      [],
      'a client of the daemon loads no hypercore',
    );
    assert.notDeepEqual(await daemon.call('loaded', '/hypercore/'), []);
    await Promise.all(nodes.map((node) => node.stop()));
  });

  test('garbage on the socket ends that connection and nothing else', LIMIT, async () => {
    const frame = (json: string): Buffer => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(4 + json.length, 0);
      head.writeUInt32LE(json.length, 4);
      return Buffer.concat([head, Buffer.from(json)]);
    };
    const hello = frame('{"hello":"gtpkg","version":1}');
    const bad = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]),
      Buffer.from([4, 0, 0, 0, 9, 0, 0, 0]),
      frame('[1]'),
      frame('{"hello":"gtpkg","version":99}'),
      Buffer.concat([hello, frame('{"id":"x"}')]),
      Buffer.concat([hello, frame('{"id":1,"call":7}')]),
    ];
    for (const bytes of bad) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(world.path('home/daemon.sock'), () => socket.write(bytes));
        socket.on('error', () => undefined).on('close', () => resolve());
        socket.resume();
      });
    }
    const answers = await new Promise<string>((resolve) => {
      let text = '';
      const socket = createConnection(world.path('home/daemon.sock'), () =>
        socket.write(
          Buffer.concat([
            hello,
            frame('{"id":1,"call":"constructor"}'),
            frame('{"id":2,"call":"held","args":{"refs":[["x",1]]}}'),
            frame('{"id":3,"call":"putStatic","args":{"path":"relative"}}'),
          ]),
        ),
      );
      socket.on('data', (data) => {
        text += data.toString('latin1');
        if ((text.match(/"error"/g) ?? []).length === 3) {
          socket.destroy();
          resolve(text);
        }
      });
    });
    assert.match(answers, /"id":1,"error":\{"code":"INTERNAL"/);
    assert.match(answers, /"id":2,"error":\{"code":"BAD_NAME"/);
    const depot = await world.depot('home');
    assert.equal((await depot.status()).daemon, true);
  });

  test(
    'a stale socket is passed over; a mute one ends as HOME_BUSY; a killed daemon is noticed, and the store is opened instead',
    LIMIT,
    async () => {
      const killed = await world.process('fragile', { daemon: true });
      const client = await world.depot('fragile');
      const pending = client
        .openLog(await client.createLog('x'))
        .then((log) => log.get(5, { timeout: 5_000 }));
      pending.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await killed.kill();
      await assert.rejects(pending, code('NO_PEER', 'BLOCKS_MISSING', 'OFFLINE'));
      assert.equal(client.remote, false);
      await client.close();
      assert.ok(existsSync(world.path('fragile/daemon.sock')), 'the socket is left over');
      const next = await world.depot('fragile', { offline: true });
      assert.equal(next.remote, false);
      await next.close();
      const again = await world.process('fragile', { daemon: true });
      assert.equal((await world.depot('fragile')).remote, true);
      await again.stop();
      assert.ok(
        !existsSync(world.path('fragile/daemon.sock')),
        'a daemon that ends well takes its socket along',
      );

      const owner = await world.process('mute');
      const server = createServer(() => undefined);
      await new Promise<void>((resolve) => server.listen(world.path('mute/daemon.sock'), resolve));
      world.atEnd(() => new Promise((resolve) => server.close(resolve)));
      await assert.rejects(openDepot({ home: world.path('mute'), bootstrap: [] }), code('HOME_BUSY'));
      await owner.stop();
    },
  );

  test(
    'two processes on one home without a daemon: the second waits a moment, then says busy',
    LIMIT,
    async () => {
      const owner = await world.process('busy', { offline: true });
      await assert.rejects(
        openDepot({ home: world.path('busy'), bootstrap: [], offline: true }),
        code('HOME_BUSY'),
      );
      const waiting = openDepot({ home: world.path('busy'), bootstrap: [], offline: true });
      setTimeout(() => void owner.stop(), 500);
      const depot = await waiting;
      assert.equal(depot.remote, false);
      await depot.close();
    },
  );

  test('a home whose path is too long for a socket still has a daemon', LIMIT, async () => {
    const name = `long-${'x'.repeat(120)}`;
    const runtime = process.env['XDG_RUNTIME_DIR'];
    process.env['XDG_RUNTIME_DIR'] = world.directory;
    try {
      const long = await world.process(name, { daemon: true });
      const depot = await world.depot(name);
      assert.equal(depot.remote, true);
      await depot.close();
      await long.stop();
      // a note that points into a directory open to others is not followed
      await writeFile(world.path(`${name}/daemon.path`), '/tmp/somewhere.sock\n');
      const own = await world.depot(name, { offline: true });
      assert.equal(own.remote, false);
    } finally {
      if (runtime === undefined) delete process.env['XDG_RUNTIME_DIR'];
      else process.env['XDG_RUNTIME_DIR'] = runtime;
    }
  });
});
