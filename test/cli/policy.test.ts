/** What the values of a policy do to install, upgrade and download; and the rules that the trust commands write. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { changeRoot, type Change, type ChangeRequest } from '../../cli/workflows/change.js';
import { downloadPackages } from '../../cli/workflows/download.js';
import { renderExplanation } from '../../cli/render/trust.js';
import { explainTrust } from '../../cli/workflows/trust-explain.js';
import { lintText } from '../../cli/workflows/trust-lint.js';
import {
  acceptRule,
  addRule,
  cosignerRule,
  dropRule,
  onlyRule,
  shunRule,
  type Rule,
} from '../../cli/workflows/trust-rules.js';
import { GtpkgError, parseFingerprint } from '../../model/index.js';
import { writeProgram } from '../../cli/demo/packages.js';
import { craft, craftFrom, type Crafted } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import type { IndexAttack } from '../attacks/index-attack.js';
import { by, DOMAIN, UNTIL, who } from '../attacks/policy-attack.js';
import { Scene } from '../attacks/scene.js';

let scene: Scene;
let index: IndexAttack;
const make = (name: string, more: object = {}): Promise<Crafted> =>
  craft(scene.path('scratch'), program(name, more), scene.mallory);

const change = (request: ChangeRequest): Promise<Change> =>
  scene.with('client', (context) => changeRoot(context, request, { dryRun: false }));
const install = (...words: string[]): Promise<Change> =>
  change({
    kind: 'install',
    words: words.map((word) => `${word}@${index.source}`),
    recommends: false,
    dependencies: true,
  });
const upgrade = (...words: string[]): Promise<Change> =>
  change({ kind: 'upgrade', words, full: true, recommends: false, dependencies: true });
const download = (word: string): Promise<unknown> =>
  scene.with('client', (context) =>
    downloadPackages(context, [`${word}@${index.source}`], { dryRun: false, tar: undefined }),
  );
const steps = ({ steps: all }: Change): string[] => all.map(({ name, to }) => `${name} ${to ?? ''}`).sort();
const policy = (text: string): Promise<void> => writeFile(scene.path('client', 'policy'), text);
async function fails(code: string, work: () => Promise<unknown>): Promise<GtpkgError> {
  const error = await work().then(
    () => assert.fail('accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof GtpkgError, String(error));
  assert.equal(error.code, code, error.message);
  return error;
}

/** A package whose program is set-uid. */
async function lending(name: string): Promise<string> {
  const directory = await writeProgram(scene.path(), program(name));
  await chmod(`${directory}/data/usr/bin/${name}`, 0o4755);
  return directory;
}

before(async () => {
  scene = await Scene.make();
  index = await scene.index();
  const scripted = await writeProgram(scene.path(), program('scripted'));
  await mkdir(`${scripted}/scripts`);
  await writeFile(`${scripted}/scripts/postinst`, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const programs = await Promise.all([
    ...['refused', 'staged', 'named', 'needed', 'automatic'].map((name) => make(name)),
    make('with-named', { depends: 'named' }),
    make('with-needed', { depends: 'needed' }),
    craftFrom(scene.path('scratch'), scripted, scene.mallory),
  ]);
  await index.lists(...programs);
});
after(() => scene.end());

describe('a value decides', () => {
  before(() =>
    policy(`Authorizer: "REQUIRE values"
Conditions: app_domain == "gtpkg" -> {
    name == "staged" -> "stage"; name == "named" -> "manual"; name == "needed" -> "install";
    !(name ~= "^(refused|staged|named|needed)$") -> "auto"; };
`),
  );
  after(() => rm(scene.path('client', 'policy')));

  test('refuse: nothing', async () => {
    await scene.refuses(() => install('refused'), 'POLICY_REFUSED');
    await scene.refuses(() => download('refused'), 'POLICY_REFUSED');
  });
  test('stage: it may be fetched', async () => {
    await scene.refuses(() => install('staged'), 'POLICY_REFUSED');
    await download('staged');
  });
  test('manual: it is installed when it is named, and not for the sake of others', async () => {
    const error = await fails('NO_SOLUTION', () => install('with-named'));
    assert.match(error.hint ?? '', /policy keeps back named 1\.0: gtpkg trust explain named/);
    assert.deepEqual(steps(await install('with-named', 'named')), ['named 1.0', 'with-named 1.0']);
  });
  test('install: it is installed for others, too', async () => {
    assert.deepEqual(steps(await install('with-needed')), ['needed 1.0', 'with-needed 1.0']);
  });
  test('auto: and only then it is upgraded unasked', async () => {
    await install('automatic');
    const newer = await Promise.all(
      ['named', 'needed', 'automatic'].map((name) => make(name, { version: '2.0' })),
    );
    await index.lists(...newer);
    const all = await upgrade();
    assert.deepEqual(steps(all), ['automatic 2.0']);
    assert.deepEqual(
      all.heldBack.map(({ name, available, reason }) => `${name} ${available}: ${reason}`),
      [
        'named 2.0: the policy says "manual" (gtpkg trust explain named)',
        'needed 2.0: the policy says "install" (gtpkg trust explain needed)',
      ],
    );
    assert.deepEqual(steps(await upgrade('named')), ['named 2.0']);
    assert.deepEqual(steps(await upgrade('needed')), ['needed 2.0']);
  });
  test('what only the release itself tells is judged before it is placed', async () => {
    await index.lists(await craftFrom(scene.path('scratch'), scene.path('scripted-1.0'), scene.mallory));
    await policy(
      'Authorizer: "REQUIRE no scripts"\nConditions: app_domain == "gtpkg" && (name != "scripted" || scripts == "no");\n',
    );
    await scene.refuses(() => install('scripted'), 'POLICY_REFUSED');
  });
  test('rights that files lend, too; and explain says what it does not know yet', async () => {
    for (const name of ['lender', 'may-lend'])
      await index.lists(await craftFrom(scene.path('scratch'), await lending(name), scene.mallory));
    await policy(
      'Authorizer: "REQUIRE no rights"\nConditions: app_domain == "gtpkg" && (rights == "" || name ~= "^may-.*$");\n',
    );
    const error = await scene.refuses(() => install('lender'), 'POLICY_REFUSED');
    assert.deepEqual(error.data['attributes'], { scripts: 'no', rights: 'set-uid' });
    assert.match(
      error.hint ?? '',
      new RegExp(
        `gtpkg trust test lender=1\\.0@${index.source} --set scripts=no --set rights=set-uid says why`,
      ),
    );
    await install('may-lend');
    const explained = async (set?: string): Promise<string> => {
      const none = { signers: undefined, policy: undefined, delegations: [] };
      const suppose = { ...none, set: set === undefined ? [] : [set] };
      const explanation = await scene.with('client', (context) =>
        explainTrust(context, `lender@${index.source}`, suppose),
      );
      const [first] = explanation.releases;
      return `${first?.value}: ${first?.unknown.join()}\n${renderExplanation(explanation)}`;
    };
    const open = /^auto: scripts,rights\n/;
    assert.match(await explained(), open);
    assert.match(await explained('rights='), /^auto: scripts\n/);
    assert.match(
      await explained('rights=device set-uid'),
      /^refuse: scripts\n[^]*rights is "device set-uid"/,
    );
    await policy(
      `Authorizer: "POLICY"\nLicensees: "source:${index.source}"\nConditions: app_domain == "gtpkg" && rights == "";\n`,
    );
    assert.match(await explained(), open);
    assert.match(await explained(), /\? app_domain == .*rights == ""  \(rights: known once it is here\)/);
    const text = await readFile(scene.path('client', 'policy'), 'utf8');
    assert.deepEqual((await lintText(text, 'policy', 'policy')).findings, []);
    const [finding] = (await lintText(text.replace('rights', 'right'), 'policy', 'policy')).findings;
    assert.equal(finding?.rule, 'attribute');
  });
  test('a policy that cannot be read stops everything', async () => {
    await index.lists(await make('other'));
    await policy(
      'Authorizer: "POLICY"\nLicensees: "source:acme"\n\nAuthorizer: "REQUIRE x"\nConditions: name = "other";\n',
    );
    const error = await scene
      .refuses(() => install('other'), 'POLICY_MALFORMED')
      .catch((thrown: unknown) => thrown as GtpkgError);
    assert.match(error.message, /policy:5: /);
  });
});

describe('the index, and the user above it', () => {
  test('no policy and no policy file: what is listed is accepted', async () => {
    const { releases } = await scene.with('client', (context) =>
      explainTrust(context, `automatic@${index.source}`),
    );
    assert.equal(releases[0]?.value, 'auto');
  });
  test('a source that the user speaks of has no default', async () => {
    await policy(
      `Authorizer: "POLICY"\nLicensees: "source:${index.source}"\nConditions: app_domain == "gtpkg" -> "manual";\n`,
    );
    const { releases } = await scene.with('client', (context) => explainTrust(context, 'automatic'));
    assert.deepEqual(
      releases.filter(({ source }) => source === index.source).map(({ value }) => value),
      ['manual'],
    );
    await rm(scene.path('client', 'policy'));
  });
  test('k roots delegate by a copy each, and one of them alone does not', async () => {
    const { ada, bob, mallory } = scene;
    const pair = await scene.index({ roots: [ada, bob], threshold: 2 });
    await pair.lists(await make('paired'));
    const said = `Licensees: ${who(mallory)}\nConditions: ${DOMAIN} && ${UNTIL} -> "install";`;
    const value = async (...copies: readonly string[]): Promise<string | undefined> => {
      await pair.commit({ files: { 'policy/m.kn': Buffer.from(copies.join('\n'), 'latin1') } });
      await pair.accepted();
      const { releases } = await scene.with('client', (context) =>
        explainTrust(context, `paired@${pair.source}`),
      );
      return releases[0]?.value;
    };
    assert.equal(await value(await by(ada, said)), 'refuse');
    assert.equal(await value(await by(ada, said), await by(ada, `${said} `)), 'refuse');
    assert.equal(await value(await by(ada, said), await by(bob, said)), 'install');
    assert.equal(
      await value(await by(ada, said), await by(bob, said.replace('install', 'manual'))),
      'manual',
    );
  });
  test('a name that another distribution gives itself opens nothing', async () => {
    const evil = await scene.index({ plan: { distribution: { name: index.source } } });
    await evil.lists(await make('automatic', { version: '9.0' }));
    await policy(
      `Authorizer: "REQUIRE from"\nConditions: app_domain == "gtpkg" && (name != "automatic" || source == "${index.source}");\n`,
    );
    const { releases } = await scene.with('client', (context) => explainTrust(context, 'automatic'));
    assert.deepEqual(Object.fromEntries(releases.map(({ source, value }) => [source, value])), {
      [index.source]: 'auto',
      [evil.source]: 'refuse',
    });
    await rm(scene.path('client', 'policy'));
  });
});

describe('rules', () => {
  const path = (): string => scene.path('client', 'policy');
  const add = (rule: Rule): Promise<unknown> =>
    scene.with('client', (context) => addRule(context, rule, false));
  const drop = (rule: Rule): Promise<unknown> =>
    scene.with('client', (context) => dropRule(context, rule, false));
  const value = async (name: string, more: object = {}): Promise<string | undefined> => {
    const none = { set: [], signers: undefined, policy: undefined, delegations: [] };
    const explained = await scene.with('client', (context) =>
      explainTrust(context, `${name}@${index.source}`, { ...none, ...more }),
    );
    return explained.releases[0]?.value;
  };

  test('shun, require, only, accept: each does what it says and is undone without a trace', async () => {
    const mine = '# mine\n\nAuthorizer: "REQUIRE mine"\nConditions: app_domain == "gtpkg";\n';
    await policy(mine);
    const { mallory, ada, bob } = scene;
    const m = mallory.fingerprint;
    const rules = [
      [shunRule(m, [], 'Mallory\nAuthorizer: "POLICY"'), { automatic: 'refuse', named: 'refuse' }],
      [shunRule(m, ['auto*']), { automatic: 'refuse', named: 'auto' }],
      [shunRule(ada.fingerprint, []), { automatic: 'auto', named: 'auto' }],
      [cosignerRule(['automatic', 'x?'], 1, []), { automatic: 'refuse', named: 'auto' }],
      [
        cosignerRule(['automatic'], 2, [m, ada.fingerprint, bob.fingerprint]),
        { automatic: 'refuse', named: 'auto' },
      ],
      [onlyRule(['automatic'], 'acme'), { automatic: 'refuse', named: 'auto' }],
      [onlyRule(['automatic'], index.source), { automatic: 'auto', named: 'auto' }],
      [acceptRule(m, ['automatic']), { automatic: 'auto', named: 'auto' }],
    ] as const;
    for (const [rule, expected] of rules) {
      await add(rule);
      await add(rule);
      const text = await readFile(path(), 'utf8');
      assert.ok(text.startsWith(mine.trimEnd()) && text.endsWith(rule.text), text);
      assert.deepEqual(
        { automatic: await value('automatic'), named: await value('named') },
        expected,
        rule.id,
      );
      await drop(rule);
      assert.equal(await readFile(path(), 'utf8'), mine);
      await fails('FILE_NOT_FOUND', () => drop(rule));
    }
    await rm(path());
    for (const [rule] of rules) await add(rule);
    for (const [rule] of rules) await drop(rule).catch(() => undefined);
    assert.equal(existsSync(path()), false);
  });
  test('co-signers are counted by people, of those named', async () => {
    const { mallory, ada, bob, carol } = scene;
    await add(cosignerRule(['automatic'], 2, [ada.fingerprint, bob.fingerprint]));
    const signed = (...people: { fingerprint: string }[]): Promise<string | undefined> =>
      value('automatic', { signers: people.map(({ fingerprint }) => fingerprint) });
    assert.equal(await signed(mallory, ada), 'refuse');
    assert.equal(await signed(mallory, ada, ada), 'refuse');
    assert.equal(await signed(mallory, ada, carol), 'refuse');
    assert.equal(await signed(mallory, ada, bob), 'auto');
    await add(cosignerRule(['automatic'], 2, []));
    assert.equal(await signed(mallory, ada, carol), 'auto');
    assert.equal(await signed(mallory, ada), 'refuse');
    await rm(path());
  });
  test('names that are none are refused, nothing is written', async () => {
    const key = parseFingerprint('A'.repeat(40));
    for (const glob of ['', 'A', '"', 'a"||true||"', 'a b', 'a\nb', '-a'])
      for (const rule of [
        () => shunRule(key, [glob]),
        () => acceptRule(key, [glob]),
        () => onlyRule([glob], 'x'),
        () => cosignerRule([glob], 1, []),
      ])
        assert.throws(rule, { code: 'BAD_NAME' });
    assert.throws(() => cosignerRule(['a'], 3, [key, key, key]), { code: 'USAGE' });
  });
});
