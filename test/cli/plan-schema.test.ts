/**
 * What `--json` says about changes is as docs/formats/plan.schema.json promises: every field of it, and no other. That file may only grow; who
 * takes a field out of it or gives it another type breaks other people's programs.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import type { Context } from '../../cli/context.js';
import { describe } from '../../cli/workflows/decide.js';
import { resolveFiles } from '../../cli/workflows/resolve.js';
import { resolve } from '../../resolver/index.js';
import { problemOf } from '../resolver/world.js';

const SCHEMA = fileURLToPath(new URL('../../../docs/formats/plan.schema.json', import.meta.url));
const ajv = new Ajv();
ajv.addSchema(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object, 'plan');

function assertIs(what: 'plan' | 'check' | 'change', value: unknown): void {
  const printed: unknown = JSON.parse(JSON.stringify(value));
  const valid = ajv.validate(`plan#/definitions/${what}`, printed);
  assert.ok(valid, `${ajv.errorsText()}\n${JSON.stringify(printed, null, 1)}`);
}

const folder = mkdtempSync(join(tmpdir(), 'gtpkg-schema-'));
process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
after(() => rmSync(folder, { recursive: true, force: true }));

const PACKAGES = `Package: aa
Version: 2
Architecture: amd64
Depends: bb (>= 2), cc
Recommends: nowhere
Size: 500
Installed-Size: 7

Package: bb
Version: 2
Architecture: amd64

Package: cc
Version: 1
Architecture: all
Conflicts: dd

Package: hh
Version: 2
Architecture: amd64

Package: xx
Version: 1
Architecture: amd64
Depends: yy
`;
const installed = (name: string, ...fields: string[]): string =>
  [`Package: ${name}`, 'Version: 1', 'Architecture: amd64', ...fields, ''].join('\n');
const STATUS = [
  installed('bb', 'Status: install ok installed', 'Auto-Installed: 1'),
  installed('dd', 'Status: install ok installed', 'Auto-Installed: 1'),
  installed('ee', 'Status: install ok installed', 'Auto-Installed: 1'),
  installed('hh', 'Status: hold ok installed'),
  installed('uu', 'Status: install ok installed', 'Depends: gone'),
].join('\n');

test('resolve', async () => {
  const [packages, status] = [join(folder, 'Packages'), join(folder, 'status')];
  writeFileSync(packages, PACKAGES);
  writeFileSync(status, STATUS);
  const ask = (...words: string[]): ReturnType<typeof resolveFiles> =>
    resolveFiles({
      packages: [packages],
      status: words[0] === 'check-all' ? undefined : status,
      extendedStates: undefined,
      architecture: 'amd64',
      foreign: [],
      recommends: true,
      full: true,
      purge: false,
      words,
    });
  const install = await ask('install', 'aa');
  assertIs('plan', install);
  assert.ok(install.kind === 'plan');
  assert.deepEqual(
    install.steps.map(({ name, action }) => `${action} ${name}`),
    ['upgrade bb', 'remove dd', 'install cc', 'install aa'],
  );
  assert.deepEqual(install.missed, [{ name: 'aa', version: '2', relation: 'nowhere' }]);
  assert.deepEqual(install.unmet, [{ name: 'uu', version: '1', relation: 'gone' }]);
  const upgrade = await ask('upgrade');
  assertIs('plan', upgrade);
  assert.ok(upgrade.kind === 'plan' && upgrade.heldBack.length === 1 && upgrade.autoremovable.length > 0);
  for (const words of [['remove', 'bb'], ['autoremove']]) assertIs('plan', await ask(...words));
  const check = await ask('check-all');
  assertIs('check', check);
  assert.ok(check.kind === 'check' && check.uninstallable.length === 1);
});

test('install, upgrade, remove', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    [
      'install aa',
      'aa 2; Depends: nn; Recommends: gone\nnn 1; Conflicts: oo',
      'aa 1\noo 1; auto\nuu 1; auto',
    ],
    ['install aa=1 bb', 'aa 1\naa 2\nbb 1', 'aa 2\nbb 1'],
    ['upgrade', 'aa 2; Depends: nn\nnn 1\nbb 2', 'aa 1\nbb 1'],
    ['remove aa', '', 'aa 1; Depends: bb\nbb 1; auto'],
  ];
  for (const [ask, packages, present] of cases) {
    const answer = resolve(problemOf(ask, packages, present));
    assert.ok(answer.kind === 'solution');
    const [kind, ...words] = ask.split(' ');
    assertIs(
      'change',
      describe(
        { settings: { root: '/r' } } as Context,
        { plan: answer.plan, status: [], sources: [] },
        {
          request:
            kind === 'remove'
              ? { kind, words, purge: false }
              : kind === 'upgrade'
                ? { kind, words, full: false, recommends: true, dependencies: true }
                : { kind: 'install', words, recommends: true, dependencies: true },
          dryRun: true,
          rootExists: true,
          downloadSize: answer.plan.downloadSize,
          saved: 0,
        },
      ),
    );
  }
});

test('what the schema forbids', () => {
  assert.throws(() => assertIs('check', { kind: 'check', total: 1, uninstallable: [], more: 1 }));
  assert.throws(() => assertIs('check', { kind: 'check', total: 1 }));
  assert.throws(() => assertIs('check', { kind: 'check', total: '1', uninstallable: [] }));
});
