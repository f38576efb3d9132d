/**
 * What can be installed at all, and what together, by gtpkg and by dose-debcheck: every package of bookworm; 2,000 pairs and triples; both
 * with packages for i386 beside amd64.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPackages, unite } from '../cli/workflows/resolve-files.js';
import type { Checked } from '../cli/workflows/resolve.js';
import { findUninstallable } from '../resolver/check.js';
import { brokenByDose, stanzasByRelease, uninstallableByDose, type Suite } from './resolver-data.js';
import { folder, gtpkg, results, same, say, seconds, shuffled } from './resolver-run.js';

/** How many releases of both architectures dose is asked about: it takes 20 minutes for all. */
const FOREIGN_SAMPLE = 1500;
const GROUPS = 2000;

/** Everything in the suite. */
export async function checkAll(bookworm: Suite, dose: string): Promise<void> {
  await gtpkg('--packages', bookworm.packages, 'install', 'dpkg');
  const ours = await seconds(() => gtpkg<Checked>('--packages', bookworm.packages, 'check-all'));
  const theirs = await seconds(() => uninstallableByDose(dose, bookworm.packages));
  const list = ours.value.uninstallable.map(({ name, version }) => `${name} ${version}`).sort();
  const equal = same(list, theirs.value);
  say(
    `check-all: ${ours.value.total} packages, ${list.length} uninstallable in ${ours.took.toFixed(1)} s; dose-debcheck ${theirs.value.length} in ${theirs.took.toFixed(1)} s; ${equal ? 'the same set' : 'NOT THE SAME'}`,
  );
  results['check-all'] = { equal, uninstallable: list.length, seconds: ours.took, dose: theirs.took };
}

/** Pairs and triples: half of any packages, half where the first says that it conflicts with the second, in some version at least. */
function groupsOf(releases: ReadonlyMap<string, string>): string[][] {
  const all = shuffled([...releases.keys()], (id) => id);
  const byName = new Map(all.map((id) => [id.split(' ')[0] ?? '', id]));
  const excluded = (id: string): string | undefined =>
    (/^(?:Conflicts|Breaks): (.*)$/m.exec(releases.get(id) ?? '')?.[1] ?? '')
      .split(',')
      .map((relation) => /[a-z0-9][a-z0-9+.-]*/.exec(relation)?.[0] ?? '')
      .flatMap((name) => (id.startsWith(`${name} `) ? [] : (byName.get(name) ?? [])))[0];
  const picky = all.filter((id) => excluded(id) !== undefined);
  return Array.from({ length: GROUPS }, (_, i) => {
    const from = i % 4 < 2 ? all : picky;
    const first = from[(i * 3) % from.length] ?? '';
    const others = Array.from(
      { length: i % 2 === 0 ? 1 : 2 },
      (_each, j) => from[(i * 7 + j * 13 + 1000) % from.length] ?? '',
    );
    if (i % 4 >= 2) others[0] = excluded(first) ?? '';
    return [...new Set([first, ...others])];
  });
}

/** Whether they can be together. One problem and one search for all, as in check-all; dose looks at everything. */
export async function pairs(bookworm: Suite, dose: string): Promise<void> {
  const text = await readFile(bookworm.packages, 'utf8');
  const groups = groupsOf(stanzasByRelease(text));
  const nameOf = (i: number): string => `zz-group-${i}`;
  const questions = groups.map((group, i) => {
    const depends = group.map((id) => id.replace(' ', ' (= ') + ')').join(', ');
    return `Package: ${nameOf(i)}\nVersion: 1\nArchitecture: all\nDepends: ${depends}\n`;
  });
  const file = join(folder, 'pairs');
  await writeFile(file, `${text.trimEnd()}\n\n${questions.join('\n')}`);
  const catalog = await openPackages(file);
  const names = groups.map((_, i) => nameOf(i));
  const ours = await seconds(() =>
    Promise.resolve(
      findUninstallable(catalog, names, { architecture: 'amd64' }).map(({ candidate }) => candidate.name),
    ),
  );
  const theirs = await seconds(() => uninstallableByDose(dose, file));
  const found = ours.value.sort();
  const judged = theirs.value.flatMap((id) => /^(zz-group-\d+) /.exec(id)?.[1] ?? []).sort();
  const equal = same(found, judged);
  say(
    `${GROUPS} pairs and triples: ${found.length} cannot be together in ${ours.took.toFixed(1)} s; dose-debcheck ${judged.length} in ${theirs.took.toFixed(1)} s; ${equal ? 'all agree' : 'NOT THE SAME'}`,
  );
  results['pairs'] = { equal, impossible: found.length, seconds: ours.took, dose: theirs.took };
}

/** Packages of amd64 and i386 together: each of a sample alone, of which half are those that gtpkg finds uninstallable. */
export async function foreign(both: Suite, dose: string): Promise<void> {
  const files = [both.packages, both.foreign];
  const universe = unite([await openPackages(both.packages), await openPackages(both.foreign)]);
  const ours = await seconds(() =>
    Promise.resolve(
      findUninstallable(universe, universe.names(), { architecture: 'amd64', foreign: ['i386'] }),
    ),
  );
  const idOf = (name: string, architecture: string): string =>
    `${name.split(':', 1)[0] ?? ''}:${architecture === 'all' ? 'amd64' : architecture}`;
  const bad = new Set(ours.value.map(({ candidate }) => idOf(candidate.name, candidate.architecture)));
  // names with one release for an architecture, so that one answer is about one release
  const all = [...universe.names()].flatMap((name) => {
    const ids = universe.versions(name).map(({ architecture }) => idOf(name, architecture));
    return ids.filter((id) => ids.indexOf(id) === ids.lastIndexOf(id));
  });
  const order = shuffled(all, (id) => id);
  const half = FOREIGN_SAMPLE / 2;
  const sample = [
    ...order.filter((id) => bad.has(id)).slice(0, half),
    ...order.filter((id) => !bad.has(id)).slice(0, half),
  ];
  const theirs = await seconds(() => brokenByDose(dose, files, { only: sample, foreign: 'i386' }));
  const judged = theirs.value.map((id) => idOf(id, id.split(' ')[2] ?? '').replace(/ .*:/, ':')).sort();
  const found = sample.filter((id) => bad.has(id)).sort();
  const equal = same(found, judged);
  say(
    `amd64 with i386: ${ours.value.length} of ${all.length} uninstallable in ${ours.took.toFixed(1)} s; of a sample of ${sample.length}, ${found.length}; dose-debcheck ${judged.length} in ${theirs.took.toFixed(1)} s; ${equal ? 'all agree' : 'NOT THE SAME'}`,
  );
  results['foreign'] = { equal, uninstallable: ours.value.length, sample: sample.length };
}
