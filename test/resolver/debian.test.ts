/** The real thing, as far as this machine's apt knows it: whole desktops from nothing, in seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatClause, type Candidate, type Clause } from '../../model/index.js';
import { resolve, whyInstalled, type Installed, type Plan, type Request } from '../../resolver/index.js';
import { State } from '../../resolver/state.js';
import { debian, type Distribution } from './debian.js';

const found = debian();
const skip = typeof found === 'string' ? found : false;
const distribution = found as Distribution;

/** Generous: machines are slow and busy; what it must catch is a search that runs away. */
const MAX_MS = 15_000;

function plan(request: Request, installed: readonly Installed[] = []): Plan {
  const start = performance.now();
  const resolution = resolve({
    universe: distribution,
    installed,
    request,
    architecture: distribution.architecture,
  });
  assert.ok(performance.now() - start < MAX_MS, 'within a few seconds');
  if (resolution.kind === 'conflict') assert.fail(resolution.explanation.sentences.join(' '));
  return resolution.plan;
}

const install = (...names: string[]): Request => ({
  kind: 'install',
  targets: names.map((name) => ({ name })),
  recommends: true,
  dependencies: true,
});

/** What is installed once a plan from nothing is carried out. */
const installedBy = (made: Plan): Installed[] =>
  made.steps.flatMap(({ to, manual }) => (to === undefined ? [] : [{ candidate: to, manual, held: false }]));

function assertValid(made: Plan): void {
  assert.deepEqual(made.unmet, []);
  const after = new State(
    installedBy(made).map(({ candidate }) => candidate),
    distribution.architecture,
  );
  const place = new Map(made.steps.map(({ name }, at) => [name, at]));
  for (const owner of after.all()) {
    const { name, relations } = owner;
    for (const relation of [...relations.conflicts, ...relations.breaks]) {
      assert.deepEqual(
        after.against(owner, relation).map((other) => `${name} excludes ${other.name}`),
        [],
      );
    }
    for (const clause of relations.preDepends) assertBefore(clause, owner);
  }

  function assertBefore(clause: Clause, owner: Candidate): void {
    const suppliers = clause
      .flatMap((relation) => after.satisfiers(relation, owner))
      .map((one: Candidate) => place.get(one.name) ?? -1);
    assert.ok(
      Math.min(...suppliers) < (place.get(owner.name) ?? -1),
      `${formatClause(clause)} before ${owner.name}`,
    );
  }
}

const CASES = [
  ['hello', 1],
  ['build-essential', 50],
  ['texlive-full', 400],
  ['gnome', 800],
] as const;

for (const [name, atLeast] of CASES) {
  test(`${name} from nothing`, { skip }, () => {
    const made = plan(install(name));
    assert.ok(made.steps.length >= atLeast, `${made.steps.length} packages`);
    assertValid(made);
    assert.deepEqual(made.autoremovable, []);
    assert.deepEqual(
      made.steps.filter(({ manual }) => manual).map((step) => step.name),
      [name],
    );
  });
}

test('a desktop: nothing to do, one more package, one that is needed, all of it', { skip }, () => {
  const installed = installedBy(plan(install('gnome')));
  const { architecture } = distribution;
  assert.deepEqual(plan({ kind: 'upgrade', full: true, recommends: true }, installed).steps, []);
  assert.deepEqual(plan(install('gnome'), installed).steps, []);
  assert.deepEqual(
    plan(install('hello'), installed)
      .steps.map((step) => step.name)
      .includes('hello'),
    true,
  );
  const refused = resolve({
    universe: distribution,
    installed,
    architecture,
    request: { kind: 'remove', names: ['gdm3'], purge: false },
  });
  assert.ok(refused.kind === 'conflict');
  assert.match(
    refused.explanation.sentences.join(' '),
    /gnome.*depends on gnome-core.*which depends on gdm3/,
  );
  const gone = plan({ kind: 'remove', names: ['gnome'], purge: false }, installed);
  assert.deepEqual(
    gone.steps.map((step) => step.name),
    ['gnome'],
  );
  assert.ok(gone.autoremovable.length > 500);
  assert.equal(whyInstalled({ installed, architecture }, 'gdm3').chain.length, 2);
});

test('two packages that Debian does not let be together', { skip }, () => {
  const { architecture } = distribution;
  const resolution = resolve({
    universe: distribution,
    installed: [],
    architecture,
    request: install('postfix', 'exim4-daemon-light'),
  });
  assert.ok(resolution.kind === 'conflict');
  assert.match(resolution.explanation.sentences.join(' '), /conflicts with mail-transport-agent/);
});
