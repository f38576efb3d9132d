/**
 * A root as it should be, in a few maps: no staging, no links, no order of operations. What the installer is measured against.
 * Contents are texts; paths are plain ASCII.
 */

export interface ModelSpec {
  readonly name: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  readonly conffiles: readonly string[];
  readonly replaces: readonly string[];
}

export type ModelStep =
  | { readonly kind: 'install'; readonly spec: ModelSpec; readonly auto: boolean }
  | { readonly kind: 'remove' | 'purge'; readonly name: string }
  | { readonly kind: 'mark'; readonly name: string; readonly auto?: boolean; readonly held?: boolean };

export interface ModelPackage {
  readonly spec: ModelSpec;
  readonly state: 'installed' | 'config-files';
  readonly auto: boolean;
  readonly held: boolean;
  readonly lost: Set<string>;
  /** conffile → what was shipped last; obsolete ones included */
  readonly base: Map<string, string>;
}

export interface ModelRoot {
  readonly packages: Map<string, ModelPackage>;
  readonly files: Map<string, string>;
  readonly directories: Set<string>;
}

/** What a transaction is refused with. */
export class Refused extends Error {
  constructor(readonly codes: readonly string[]) {
    super(codes.join());
  }
}

export const parentsOf = (path: string): string[] =>
  path.split('/').slice(0, -1).map((_, at, parts) => parts.slice(0, at + 1).join('/')); // prettier-ignore
const directoriesOf = (spec: ModelSpec): Set<string> => new Set(Object.keys(spec.files).flatMap(parentsOf));

export const emptyRoot = (): ModelRoot => ({ packages: new Map(), files: new Map(), directories: new Set() });

/** The root after `steps`; the one given is not changed. @throws Refused */
export function apply(root: ModelRoot, all: readonly ModelStep[]): ModelRoot {
  const steps = all.filter((step) => step.kind !== 'mark');
  const coming = new Set(steps.map((step) => (step.kind === 'install' ? step.spec.name : step.name)));
  for (const step of all)
    if (step.kind === 'mark' && !coming.has(step.name) && root.packages.get(step.name)?.state !== 'installed')
      throw new Refused(['NOT_INSTALLED']);
  const incoming = steps.flatMap((step) => (step.kind === 'install' ? step.spec : []));
  const leaving = new Set(steps.map((step) => (step.kind === 'install' ? step.spec.name : step.name)));
  for (const step of steps) {
    if (step.kind === 'install') continue;
    const there = root.packages.get(step.name);
    if (there === undefined || (there.state !== 'installed' && step.kind === 'remove'))
      throw new Refused(['NOT_INSTALLED']);
  }
  const files = new Map(root.files);
  const directories = new Set(root.directories);
  const kept = [...root.packages.values()].filter(
    ({ spec, state }) => !leaving.has(spec.name) && state === 'installed',
  );
  const packages = new Map(
    [...root.packages].map(([name, pkg]) => [
      name,
      { ...pkg, lost: new Set(pkg.lost), base: new Map(pkg.base) },
    ]),
  );

  // who gets which path
  const winner = new Map<string, ModelSpec>();
  const lost = new Map<string, Set<string>>(incoming.map(({ name }) => [name, new Set()]));
  const beats = (one: ModelSpec, other: ModelSpec): boolean => one.replaces.includes(other.name);
  for (const spec of incoming) {
    for (const path of Object.keys(spec.files)) {
      const other = winner.get(path);
      if (other === undefined || beats(spec, other)) {
        winner.set(path, spec);
        if (other !== undefined) lost.get(other.name)?.add(path);
      } else if (beats(other, spec)) lost.get(spec.name)?.add(path);
      else throw new Refused(['FILE_CONFLICT']);
    }
  }
  for (const { spec: other, lost: already } of kept) {
    for (const path of Object.keys(other.files)) {
      const spec = winner.get(path);
      if (spec === undefined || already.has(path)) continue;
      if (beats(spec, other)) packages.get(other.name)?.lost.add(path);
      else if (beats(other, spec)) {
        winner.delete(path);
        lost.get(spec.name)?.add(path);
      } else throw new Refused(['FILE_CONFLICT']);
    }
  }

  // what the leaving packages have now
  const old = new Set<string>();
  for (const name of leaving) {
    const pkg = root.packages.get(name);
    if (pkg?.state === 'installed')
      for (const path of Object.keys(pkg.spec.files)) if (!pkg.lost.has(path)) old.add(path);
    for (const path of pkg?.base.keys() ?? []) old.add(path);
  }
  const stays = new Set<string>();
  for (const step of steps) {
    const name = step.kind === 'install' ? step.spec.name : step.name;
    if (step.kind !== 'purge') for (const path of root.packages.get(name)?.base.keys() ?? []) stays.add(path);
  }
  const going = new Set([...old].filter((path) => !winner.has(path) && !stays.has(path)));
  for (const directory of incoming.flatMap((spec) => [...directoriesOf(spec)])) {
    if (files.has(directory) && !old.has(directory)) throw new Refused(['ROOT_OBSTRUCTED']);
  }
  for (const path of winner.keys()) {
    for (const file of files.keys())
      if (file.startsWith(`${path}/`) && !going.has(file)) throw new Refused(['ROOT_OBSTRUCTED']);
  }

  // do it
  for (const step of steps) {
    if (step.kind !== 'purge') continue;
    for (const path of root.packages.get(step.name)?.base.keys() ?? []) files.delete(`${path}.gtpkg-new`);
  }
  for (const path of going) files.delete(path);
  const wanted = new Set(
    [...kept.map(({ spec }) => spec), ...incoming].flatMap((spec) => [...directoriesOf(spec)]),
  );
  for (const directory of wanted) {
    files.delete(directory);
    directories.add(directory);
  }
  for (const [path, spec] of winner) {
    const content = spec.files[path] ?? '';
    if (spec.conffiles.includes(path)) {
      const base = root.packages.get(spec.name)?.base.get(path);
      placeConffile(files, path, { base, dist: content });
    } else files.set(path, content);
    directories.delete(path);
    for (const directory of directories) if (directory.startsWith(`${path}/`)) directories.delete(directory);
  }
  const pruned = [...leaving].flatMap((name) => [
    ...directoriesOf(root.packages.get(name)?.spec ?? { ...NONE, name }),
  ]);
  for (const directory of pruned.sort().reverse()) {
    const isEmpty = ![...files.keys(), ...directories].some((path) => path.startsWith(`${directory}/`));
    if (!wanted.has(directory) && isEmpty) directories.delete(directory);
  }

  // remember it
  for (const step of steps) {
    if (step.kind === 'install') {
      const { spec } = step;
      const base = new Map(
        [...(root.packages.get(spec.name)?.base ?? [])].filter(([path]) => !winner.has(path)),
      );
      for (const path of spec.conffiles) base.set(path, spec.files[path] ?? '');
      const held = packages.get(spec.name)?.held ?? false;
      const gone = lost.get(spec.name) ?? new Set();
      packages.set(spec.name, { spec, state: 'installed', auto: step.auto, held, lost: gone, base });
      continue;
    }
    const pkg = packages.get(step.name);
    if (pkg === undefined || step.kind === 'purge' || pkg.base.size === 0) packages.delete(step.name);
    else
      packages.set(step.name, { ...pkg, state: 'config-files', auto: false, held: false, lost: new Set() });
  }
  for (const step of all) {
    const pkg = step.kind === 'mark' ? packages.get(step.name) : undefined;
    if (step.kind !== 'mark' || pkg?.state !== 'installed') continue;
    packages.set(step.name, { ...pkg, auto: step.auto ?? pkg.auto, held: step.held ?? pkg.held });
  }
  return { packages, files, directories };
}

const NONE: ModelSpec = { name: '', version: '', files: {}, conffiles: [], replaces: [] };

function placeConffile(
  files: Map<string, string>,
  path: string,
  { base, dist }: { base: string | undefined; dist: string },
): void {
  const current = files.get(path);
  const beside = `${path}.gtpkg-new`;
  if (current === undefined) {
    if (base === undefined) files.set(path, dist);
  } else if (current === dist || current === base) {
    files.set(path, dist);
    files.delete(beside);
  } else if (base !== dist) files.set(beside, dist);
}
