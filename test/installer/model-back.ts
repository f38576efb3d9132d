/** The way back in the model: which steps lead from a root to an earlier one, or take one transaction back. Written from ADR 0018, not from the code. */
import { isDeepStrictEqual } from 'node:util';
import { parentsOf, Refused, type ModelPackage, type ModelRoot, type ModelStep } from './root-model.js';

type Packages = ReadonlyMap<string, ModelPackage>;
type Wishes = ReadonlyMap<string, ModelPackage | undefined>;

/** `past[n]`: the packages after transaction n. */
export function rollbackSteps(root: ModelRoot, past: readonly Packages[], id: number): ModelStep[] {
  const then = past[id] ?? new Map<string, ModelPackage>();
  return towards(
    root,
    new Map([...root.packages.keys(), ...then.keys()].map((name) => [name, then.get(name)])),
  );
}

/** @throws Refused when a package was moved again since */
export function undoSteps(root: ModelRoot, past: readonly Packages[], id: number): ModelStep[] {
  const before = past[id - 1] ?? new Map<string, ModelPackage>();
  const after = past[id] ?? new Map<string, ModelPackage>();
  const wishes = new Map<string, ModelPackage | undefined>();
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [was, became, now] = [before.get(name), after.get(name), root.packages.get(name)];
    const isThere = now?.state === 'installed';
    if (was?.state !== 'installed') {
      if (became?.state === 'installed') wishes.set(name, was);
    } else if (became?.state !== 'installed') {
      if (!isThere) wishes.set(name, was);
    } else if (isThere && !same(was, became)) {
      const moved = !isDeepStrictEqual(was.spec, became.spec);
      const isBack = isDeepStrictEqual(now.spec, was.spec);
      if (moved && !isBack && !isDeepStrictEqual(now.spec, became.spec)) throw new Refused(['NO_SOLUTION']);
      const mark = (which: 'auto' | 'held'): boolean =>
        was[which] === became[which] ? now[which] : was[which];
      wishes.set(name, { ...now, spec: moved ? was.spec : now.spec, auto: mark('auto'), held: mark('held') });
    }
  }
  return towards(root, wishes);
}

const same = (a: ModelPackage, b: ModelPackage): boolean =>
  isDeepStrictEqual([a.spec, a.auto, a.held], [b.spec, b.auto, b.held]);

function towards(root: ModelRoot, wishes: Wishes): ModelStep[] {
  const steps = new Map<string, ModelStep[]>();
  const install = ({ spec, auto, held }: ModelPackage): ModelStep[] => [
    { kind: 'install', spec, auto },
    { kind: 'mark', name: spec.name, held },
  ];
  for (const [name, wish] of wishes) {
    const now = root.packages.get(name);
    if (wish?.state === 'installed') {
      if (now?.state !== 'installed' || !isDeepStrictEqual(now.spec, wish.spec))
        steps.set(name, install(wish));
      else if (!same(now, wish)) steps.set(name, [{ kind: 'mark', name, auto: wish.auto, held: wish.held }]);
    } else if (now !== undefined) {
      const isClean = [...now.base].every(([path, text]) => (root.files.get(path) ?? text) === text);
      if (wish === undefined && isClean) steps.set(name, [{ kind: 'purge', name }]);
      else if (now.state === 'installed') steps.set(name, [{ kind: 'remove', name }]);
    }
  }
  const moving = [...steps].flatMap(([name, [first]]) => {
    const now = root.packages.get(name);
    return first?.kind === 'mark' || now?.state !== 'installed' ? [] : Object.keys(now.spec.files);
  });
  const free = new Set(moving.flatMap((path) => [path, ...parentsOf(path)]));
  for (const [name, now] of root.packages) {
    const first = steps.get(name)?.[0];
    if (now.state !== 'installed' || (first !== undefined && first.kind !== 'mark')) continue;
    const wish = wishes.get(name) ?? now;
    if ([...now.lost].some((path) => free.has(path)))
      steps.set(name, install({ ...now, auto: wish.auto, held: wish.held }));
  }
  return [...steps].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, list]) => list);
}
