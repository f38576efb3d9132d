/**
 * An island: three machines on one switch, no DHT, no address given, nothing configured. What the first publishes, the second installs and
 * passes on, and the third gets it when the first is gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { Hosts, noHosts, type Host } from './hosts.js';
import { World, type RunOptions, type Running } from './harness.js';
import { program } from './scene.js';

const skip = noHosts();
if (skip !== false) console.log(`skipped: ${skip}`);

describe('three machines on an island', { skip, timeout: 300_000 }, () => {
  let world: World;
  let hosts: Hosts;
  const machines: Host[] = [];
  let introduction = '';

  /** As a newcomer types it: the public DHT is the default, and cannot be reached from here. */
  function at(name: 'a' | 'b' | 'c', more: NodeJS.ProcessEnv = {}): RunOptions {
    const { through = [] } = machines['abc'.indexOf(name)] ?? {};
    return { home: name, through, env: { GTPKG_BOOTSTRAP: '', GTPKG_LAN: '', GTPKG_TIMEOUT: '', ...more } };
  }

  before(async () => {
    world = await World.make();
    hosts = await Hosts.make();
    for (let i = 0; i < 3; i++) machines.push(await hosts.host());
  });
  after(async () => {
    await world?.end();
    await hosts?.end();
  });

  let first: Running;
  let second: Running;

  test('A publishes and seeds', async () => {
    const mail = ['--name', 'Ada', '--email', 'ada@example.org'];
    const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], at('a'));
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'isle', '--key', fingerprint],
      at('a'),
    );
    introduction = made.introduction;
    const path = await writeProgram(world.path('work'), program('hello'));
    await world.json(['publish', path, '--index', 'isle', '--compression', '1'], at('a'));
    first = await world.start(['seed', '--lan'], at('a'));
  });

  test('B knows the introduction and nothing else; it installs, in seconds, and seeds', async () => {
    const started = performance.now();
    await world.json(['source', 'add', introduction], at('b'));
    await world.json(['install', 'hello'], at('b'));
    const took = performance.now() - started;
    console.log(`source add and install over the local network: ${Math.round(took)} ms`);
    assert.ok(took < 30_000, `${took} ms`);
    second = await world.start(['seed'], at('b', { GTPKG_BOOTSTRAP: 'none' }));
  });

  test('A is gone; C installs from B', async () => {
    await world.stop(first);
    await world.json(['source', 'add', introduction], at('c'));
    const { packages } = await (async () => {
      await world.json(['install', 'hello'], at('c'));
      return world.json<{ packages: { name: string; version: string }[] }>(['list', '--installed'], at('c'));
    })();
    assert.deepEqual(
      packages.map(({ name, version }) => `${name} ${version}`),
      ['hello 1.0'],
    );
    await world.json(['verify'], at('c'));
    // the peer that it came from is known now, with its address of this network
    const peers = await world.json<{ peer: string }[] | { peers: { peer: string }[] }>(
      ['peer', 'list'],
      at('c'),
    );
    assert.match(JSON.stringify(peers), new RegExp(`@${machines[1]?.address}:`));
  });

  test('--no-lan: nobody is found, and that is said in seconds, with the reason', async () => {
    await world.json(['source', 'add', introduction, '--offline'], at('a', { GTPKG_HOME: world.path('d') }));
    const started = performance.now();
    const error = await world.fails(['update', '--no-lan'], at('a', { GTPKG_HOME: world.path('d') }));
    const took = performance.now() - started;
    assert.deepEqual([error.status, error.code, error.data['reason']], [6, 'NO_PEER', 'dht-silent']);
    assert.match(error.message, /no DHT node answers/);
    assert.ok(took < 15_000, `${took} ms`);
    // and with it, the same command finds B
    await world.json(['update'], at('a', { GTPKG_HOME: world.path('d') }));
  });

  test('the cable is pulled: offline is said in seconds; then it is plugged in again', async () => {
    const third = machines[2];
    assert.ok(third);
    third.plug(false);
    const started = performance.now();
    const error = await world.fails(['update'], at('c'));
    const took = performance.now() - started;
    assert.deepEqual([error.status, error.code, error.data['reason']], [6, 'OFFLINE', 'no-network']);
    assert.match(error.message, /this machine has no network/);
    assert.match(error.hint, /What is known stays in use/);
    assert.ok(took < 15_000, `${took} ms`);
    third.plug(true);
    for (const bootstrap of ['', 'none']) {
      const again = performance.now();
      await world.json(['update'], at('c', { GTPKG_BOOTSTRAP: bootstrap }));
      console.log(`update with bootstrap "${bootstrap}": ${Math.round(performance.now() - again)} ms`);
    }
    await world.stop(second);
  });
});
