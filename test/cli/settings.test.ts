/** Where home, root, network and time-out come from: flags over environment over default. */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { settingsFrom } from '../../cli/context.js';
import { GtpkgError } from '../../model/errors.js';
import { TIMEOUT } from '../../model/limits.js';

const refused = (code: string) => (error: unknown) => error instanceof GtpkgError && error.code === code;

describe('the home', () => {
  for (const [what, raw, env, home] of [
    ['the flag wins', { home: '/flag' }, { GTPKG_HOME: '/env', XDG_DATA_HOME: '/xdg', HOME: '/h' }, '/flag'],
    ['then GTPKG_HOME', {}, { GTPKG_HOME: '/env', XDG_DATA_HOME: '/xdg', HOME: '/h' }, '/env'],
    ['then XDG_DATA_HOME', {}, { XDG_DATA_HOME: '/xdg', HOME: '/h' }, '/xdg/gtpkg'],
    ['then HOME', {}, { HOME: '/h' }, '/h/.local/share/gtpkg'],
    [
      'a variable set to nothing says nothing',
      {},
      { GTPKG_HOME: '', XDG_DATA_HOME: ' ', HOME: '/h' },
      '/h/.local/share/gtpkg',
    ],
    ['XDG: a relative path is ignored', {}, { XDG_DATA_HOME: 'data', HOME: '/h' }, '/h/.local/share/gtpkg'],
    ['without HOME the user database is asked', {}, {}, join(userInfo().homedir, '.local/share/gtpkg')],
    [
      'nor is an empty HOME the working directory',
      {},
      { HOME: '' },
      join(userInfo().homedir, '.local/share/gtpkg'),
    ],
    ['relative paths are of the working directory', { home: 'here' }, {}, resolve('here')],
  ] as const)
    test(what, () => assert.equal(settingsFrom(raw, env).home, home));
});

describe('the root', () => {
  const env = { HOME: '/h' };
  for (const [what, raw, more, root] of [
    ['the flag wins', { root: '/flag' }, { GTPKG_ROOT: '/env' }, '/flag'],
    ['then GTPKG_ROOT', {}, { GTPKG_ROOT: '/env' }, '/env'],
    ['then the home', { home: '/home' }, {}, '/home/root'],
    [
      'GTPKG_ROOT set to nothing is not the working directory',
      { home: '/home' },
      { GTPKG_ROOT: '' },
      '/home/root',
    ],
    ['the root of the machine can be named', { root: '/' }, {}, '/'],
  ] as const)
    test(what, () => assert.equal(settingsFrom(raw, { ...env, ...more }).root, root));
});

describe('the network', () => {
  const bootstrap = (raw: object, env: object): unknown =>
    settingsFrom(raw, { HOME: '/h', ...env }).bootstrap;

  test('flags over GTPKG_BOOTSTRAP over the public DHT', () => {
    const flag = { host: '192.0.2.1', port: 1 };
    const variable = { host: '192.0.2.2', port: 2 };
    assert.deepEqual(bootstrap({ bootstrap: ['192.0.2.1:1'] }, { GTPKG_BOOTSTRAP: '192.0.2.2:2' }), [flag]);
    assert.deepEqual(bootstrap({}, { GTPKG_BOOTSTRAP: '192.0.2.2:2, 192.0.2.1:1,' }), [variable, flag]);
    assert.equal(bootstrap({}, { GTPKG_BOOTSTRAP: '' }), undefined);
    assert.deepEqual(bootstrap({ bootstrap: ['none'] }, { GTPKG_BOOTSTRAP: '192.0.2.2:2' }), []);
    assert.deepEqual(bootstrap({}, { GTPKG_BOOTSTRAP: 'none' }), []);
    assert.throws(() => bootstrap({ bootstrap: ['none', '192.0.2.1:1'] }, {}), refused('BAD_ADDRESS'));
    assert.equal(bootstrap({}, {}), undefined);
  });

  test('what is no address is refused', () => {
    assert.throws(() => bootstrap({ bootstrap: ['nonsense'] }, {}), refused('BAD_ADDRESS'));
    assert.throws(() => bootstrap({}, { GTPKG_BOOTSTRAP: 'a:b' }), refused('BAD_ADDRESS'));
  });

  test('the time-out: the flag over GTPKG_TIMEOUT over the default, in whole seconds', () => {
    const timeout = (raw: object, env: object): number => settingsFrom(raw, { HOME: '/h', ...env }).timeout;
    assert.equal(timeout({ timeout: 5 }, { GTPKG_TIMEOUT: '7' }), 5000);
    assert.equal(timeout({ timeout: 5 }, { GTPKG_TIMEOUT: 'broken' }), 5000);
    assert.equal(timeout({}, { GTPKG_TIMEOUT: '7' }), 7000);
    assert.equal(timeout({}, { GTPKG_TIMEOUT: '' }), TIMEOUT.idle);
    assert.equal(timeout({}, {}), TIMEOUT.idle);
    for (const wrong of ['0', '-1', 'soon', '1e3', 'Infinity', '86401', '1.5'])
      assert.throws(() => timeout({}, { GTPKG_TIMEOUT: wrong }), refused('USAGE'), wrong);
  });
});

test('offline, json and yes are off unless they are said', () => {
  const { offline, json, yes } = settingsFrom({}, { HOME: '/h' });
  assert.deepEqual([offline, json, yes], [false, false, false]);
  const said = settingsFrom({ offline: true, json: true, yes: true }, { HOME: '/h' });
  assert.deepEqual([said.offline, said.json, said.yes], [true, true, true]);
});
