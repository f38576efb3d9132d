/**
 * Random installs, upgrades, removals, purges, marks, rollbacks and undos, with a user who edits and deletes in between: the root equals a pure model
 * of it.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError } from '../../model/errors.js';
import { readStatus, runTransaction, verifyRoot } from '../../installer/index.js';
import {
  backFacts,
  backSteps,
  backTransaction,
  changedSince,
  wishesOfRollback,
  wishesOfUndo,
} from '../../installer/rollback.js';
import { silent } from '../../model/events.js';
import { rollbackSteps, undoSteps } from './model-back.js';
import { apply, emptyRoot, Refused, type ModelRoot, type ModelSpec, type ModelStep } from './root-model.js';
import * as h from './helpers.js';

const NAMES = ['p0', 'p1', 'p2'];
const CONTENT = fc.constantFrom('one', 'two', 'three');

const specOf = (name: string): fc.Arbitrary<ModelSpec> =>
  fc
    .record({
      version: fc.constantFrom('1', '2', '3'),
      a: fc.option(CONTENT, { nil: undefined }),
      shared: fc.option(CONTENT, { nil: undefined }),
      common: fc.option(CONTENT, { nil: undefined, freq: 1 }),
      turn: fc.constantFrom('none', 'file', 'directory'),
      conf: fc.option(CONTENT, { nil: undefined }),
      deep: fc.option(CONTENT, { nil: undefined }),
      replaces: fc.subarray(NAMES.filter((other) => other !== name)),
    })
    .map(({ version, a, shared, common, turn, conf, deep, replaces }) => {
      const wanted: Record<string, string | undefined> = {
        [`d/${name}/a`]: a,
        [`d/shared/${name}`]: shared,
        'd/common': common,
        [`d/${name}/t`]: turn === 'file' ? 'file' : undefined,
        [`d/${name}/t/inside`]: turn === 'directory' ? 'inside' : undefined,
        [`etc/${name}.conf`]: conf,
        [`etc/${name}.d/c`]: deep,
      };
      const files = Object.fromEntries(
        Object.entries(wanted).filter((one): one is [string, string] => one[1] !== undefined),
      );
      const conffiles = Object.keys(files).filter((path) => path.startsWith('etc/'));
      return { name, version, files, conffiles, replaces };
    });

const stepOf = (name: string): fc.Arbitrary<ModelStep> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(specOf(name), fc.boolean())
        .map(([spec, auto]): ModelStep => ({ kind: 'install', spec, auto })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({ auto: fc.boolean(), held: fc.boolean() }, { requiredKeys: [] })
        .map((marks): ModelStep => ({ kind: 'mark', name, ...marks })),
    },
    { weight: 1, arbitrary: fc.constant<ModelStep>({ kind: 'remove', name }) },
    { weight: 1, arbitrary: fc.constant<ModelStep>({ kind: 'purge', name }) },
  );

type Act =
  | { readonly steps: readonly ModelStep[] }
  | { readonly path: string; readonly text: string | undefined }
  | {
      readonly back: 'rollback' | 'undo';
      /** of the transactions until then, from the last */ readonly ago: number;
    };

const USER_PATHS = NAMES.flatMap((name) => [
  `etc/${name}.conf`,
  `etc/${name}.d/c`,
  `d/${name}/a`,
  `d/${name}/t`,
  `d/${name}/mine`,
  `d/${name}/t/mine`,
]);
const ACT: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .shuffledSubarray(NAMES, { minLength: 1 })
      .chain((names) => fc.tuple(...names.map(stepOf)))
      .map((steps) => ({ steps })),
  },
  { weight: 2, arbitrary: fc.record({ back: fc.constantFrom('rollback', 'undo'), ago: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      path: fc.constantFrom(...USER_PATHS),
      text: fc.constantFrom('edited', 'two', undefined),
    }),
  },
);

const plain = (spec: ModelSpec): h.PackageSpec => ({ ...spec, replaces: spec.replaces.join(', ') });
const toStep = (step: ModelStep): Parameters<typeof h.run>[1][number] =>
  step.kind === 'install'
    ? h.install(plain(step.spec), step.auto)
    : step.kind === 'mark'
      ? step
      : h.remove(step.name, step.kind === 'purge');

/** What the command does, with releases that are made again instead of fetched. */
async function goBack(
  dir: string,
  kind: 'rollback' | 'undo',
  id: number,
  known: ReadonlySet<ModelSpec>,
): Promise<number> {
  const releases = new Map(
    [...known].map((spec) => {
      const release = h.release(plain(spec));
      return [release.pin.core.key, release];
    }),
  );
  const root = await h.open(dir);
  try {
    const status = root.status();
    const undo = kind === 'undo' ? wishesOfUndo(dir, status, id) : undefined;
    if (undo !== undefined && undo.blocked.length > 0) throw changedSince(id, undo.blocked);
    const wishes = undo?.wishes ?? wishesOfRollback(dir, status, id);
    const facts = await backFacts(root, wishes.keys(), { purge: false, runsScripts: false });
    const steps = backTransaction(backSteps(status, wishes, facts), ({ pin: { core, source, suite } }) => {
      const release = releases.get(core);
      assert.ok(release !== undefined, 'a release that was never made');
      return { release, source, suite };
    });
    const purpose = { kind, of: id };
    const request = { steps, command: kind, purpose, now: h.NOW, indexCommits: {}, report: silent };
    return (await runTransaction(root, request)).changes.length;
  } finally {
    root.close();
  }
}

async function runSteps(dir: string, steps: readonly ModelStep[]): Promise<number> {
  return (await h.run(dir, steps.map(toStep))).changes.length;
}

function userActs(
  dir: string,
  root: ModelRoot,
  { path, text }: { path: string; text: string | undefined },
): void {
  if (text === undefined) {
    if (!root.files.delete(path)) return;
    fs.rmSync(join(dir, path));
    return;
  }
  const parent = path.slice(0, path.lastIndexOf('/'));
  if (root.directories.has(path) || !root.directories.has(parent)) return;
  root.files.set(path, text);
  fs.writeFileSync(join(dir, path), text);
}

async function compare(dir: string, root: ModelRoot): Promise<void> {
  const onDisk: Record<string, string> = {};
  for (const [path, what] of h.picture(dir)) onDisk[path] = what.startsWith('dir') ? '/' : h.read(dir, path);
  const expected: Record<string, string> = Object.fromEntries(
    [...root.directories].map((path) => [path, '/']),
  );
  for (const [path, text] of root.files) expected[path] = text;
  assert.deepEqual(onDisk, expected);
  const status = [...readStatus(dir).values()].map((pkg) => [
    pkg.name,
    pkg.version,
    pkg.state,
    pkg.auto,
    pkg.held,
    pkg.conffiles.map(({ path }) => path as string).sort(),
    [...pkg.replaced].sort(),
  ]);
  const wanted = [...root.packages.values()].map(({ spec, state, auto, held, base, lost }) => [
    spec.name,
    spec.version,
    state,
    auto,
    held,
    [...base.keys()].sort(),
    [...lost].sort(),
  ]);
  assert.deepEqual(status, wanted.sort());
  const differing: string[] = [];
  for await (const { package: name, path } of verifyRoot(dir)) differing.push(`${name} ${path}`);
  const changed = [...root.packages.values()].flatMap(({ spec, state, lost }) =>
    state !== 'installed'
      ? []
      : Object.entries(spec.files).flatMap(([path, text]) =>
          lost.has(path) || root.files.get(path) === text ? [] : `${spec.name} ${path}`,
        ),
  );
  assert.deepEqual(differing.sort(), changed.sort());
}

test('a root equals its model after any sequence', async (t) => {
  const counts = { done: 0, refused: 0, rollback: 0, undo: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(ACT, { minLength: 2, maxLength: 11, size: 'max' }), async (acts) => {
      const dir = fs.mkdtempSync(join(BASE, 'r-'));
      try {
        let root = emptyRoot();
        const past = [root.packages];
        const known = new Set<ModelSpec>();
        for (const act of acts) {
          if ('path' in act) {
            userActs(dir, root, act);
            continue;
          }
          const id = 'back' in act ? Math.max(act.back === 'undo' ? 1 : 0, past.length - 1 - act.ago) : 0;
          if (id >= past.length) continue;
          let next: ModelRoot | Refused;
          try {
            const steps = !('back' in act)
              ? act.steps
              : act.back === 'undo'
                ? undoSteps(root, past, id)
                : rollbackSteps(root, past, id);
            next = apply(root, steps);
          } catch (error) {
            if (!(error instanceof Refused)) throw error;
            next = error;
          }
          const work = 'back' in act ? goBack(dir, act.back, id, known) : runSteps(dir, act.steps);
          const outcome = await work.catch((error: unknown) => error);
          if (next instanceof Refused) {
            assert.ok(outcome instanceof GtpkgError, 'the model refuses this');
            assert.ok(next.codes.includes(outcome.code), `${outcome.code}: ${outcome.message}`);
            counts.refused++;
          } else {
            if (outcome instanceof Error) throw outcome;
            root = next;
            if (outcome !== 0) past.push(root.packages);
            if (!('back' in act)) {
              for (const step of act.steps) if (step.kind === 'install') known.add(step.spec);
              counts.done++;
            } else counts[act.back]++;
          }
          await compare(dir, root);
        }
        // and it can all go
        const names = [...root.packages.keys()];
        await h.run(
          dir,
          names.map((name) => h.remove(name, true)),
        );
        assert.equal(readStatus(dir).size, 0);
        assert.deepEqual(
          Object.keys(h.wholeState(dir)).filter((key) => /^(LEFT|MANIFEST|SCRIPTS)/.test(key)),
          [],
        );
      } finally {
        fs.rmSync(dir, { recursive: true, force: true });
      }
    }),
    { numRuns: Number(process.env['GTPKG_RUNS'] ?? 210) },
  );
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.rollback > 30 && counts.undo > 10, 'the way back was hardly gone');
});

const hooks: (() => void)[] = [];
const BASE = h.tempDir({ after: (fn) => hooks.push(fn) });
process.on('exit', () => hooks.forEach((fn) => fn()));
