import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { encodeCoreKey, limits, type PeerAddress } from '../../model/index.js';
import { PeerBook } from '../../replication/peers.js';
import { World } from './world.js';

let world: World;

describe('stored peers', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  function somebody(port = 1000): PeerAddress {
    return { key: encodeCoreKey(randomBytes(32)), host: '10.0.0.1', port };
  }

  test('peers survive on disk, written whole', async () => {
    const home = world.path('disk');
    const book = await PeerBook.open(home);
    const [named, seen] = [somebody(), somebody(2)];
    book.add(named);
    book.seen(seen, new Date('2026-01-02T03:04:05Z'));
    await book.flush();
    assert.deepEqual(readdirSync(home), ['peers.json']);
    assert.equal(statSync(`${home}/peers.json`).mode & 0o777, 0o600);
    const again = await PeerBook.open(home);
    assert.deepEqual(again.list(), [
      { ...named, origin: 'user' },
      { ...seen, origin: 'seen', seen: '2026-01-02T03:04:05.000Z' },
    ]);
    assert.ok(again.remove(named.key));
    assert.ok(!again.remove(named.key));
    await again.flush();
    assert.equal((await PeerBook.open(home)).list().length, 1);
  });

  test('the list is bounded: the longest unseen goes, named peers stay', async () => {
    const book = await PeerBook.open(world.path('bounded'));
    const named = somebody();
    book.add(named);
    const crowd = Array.from({ length: limits.MAX_STORED_PEERS + 20 }, (_, i) => somebody(i + 1));
    crowd.forEach((peer, i) => book.seen(peer, new Date(i * 1000)));
    assert.equal(book.list().length, limits.MAX_STORED_PEERS);
    assert.ok(book.get(named.key));
    assert.equal(book.get(crowd[0]?.key ?? named.key), undefined);
    assert.ok(book.get(crowd.at(-1)?.key ?? named.key));
    assert.equal(book.dialable().length, limits.MAX_DIALS);
    assert.deepEqual(book.dialable()[0], book.get(named.key));
    await book.flush();
  });

  test('a refused peer is not dialled, until its time is over or the user names it', async () => {
    const home = world.path('refused');
    const book = await PeerBook.open(home);
    const peer = somebody();
    const now = new Date('2026-05-05T00:00:00Z');
    book.seen(peer, now);
    book.refuse(peer.key, undefined, now);
    await book.flush();
    const again = await PeerBook.open(home);
    assert.ok(again.isRefused(peer.key, now));
    assert.deepEqual(again.dialable(now), []);
    assert.ok(!again.isRefused(peer.key, new Date(now.getTime() + limits.REFUSED_FOR)));
    again.add(peer);
    assert.ok(!again.isRefused(peer.key, now));
    assert.equal(again.dialable(now).length, 1);
    await again.flush();
  });

  test('a damaged file costs the list and nothing else', async () => {
    const home = world.path('damaged');
    await mkdir(home);
    const good = { key: somebody().key, address: '1.2.3.4:5', origin: 'user' };
    const rows = [
      {},
      null,
      5,
      { key: 'x', address: '1.2.3.4:5' },
      { ...good, address: 'nowhere' },
      { ...good, seen: 7 },
    ];
    for (const [text, length] of [
      ['', 0],
      ['{', 0],
      ['[]', 0],
      [JSON.stringify({ format: 'other', peers: [good] }), 0],
      [JSON.stringify({ format: 'gtpkg-peers 1', peers: rows }), 1],
      [JSON.stringify({ format: 'gtpkg-peers 1', peers: [good], pad: 'x'.repeat(2 << 20) }), 0],
    ] as const) {
      await writeFile(`${home}/peers.json`, text);
      const book = await PeerBook.open(home);
      assert.equal(book.list().length, length, text.slice(0, 60));
      book.add(somebody());
      await book.flush();
      assert.match(readFileSync(`${home}/peers.json`, 'utf8'), /^\{\n "format": "gtpkg-peers 1"/);
    }
  });
});
