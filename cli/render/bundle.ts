/** What bundle export and bundle import print. */
import { printable } from '../../model/bytes.js';
import type { Exported } from '../workflows/bundle-export.js';
import type { Imported, ImportedIndex } from '../workflows/bundle-import.js';
import { count, size } from './table.js';

/** Releases named one by one, at most; more are counted. */
const NAMED = 40;

export function renderExported({
  file,
  dryRun,
  size: bytes,
  fetched,
  distributions,
  contents,
  releases,
}: Exported): string {
  const head = dryRun ? `Would write ${size(bytes)}` : `Wrote ${file}, ${size(bytes)}`;
  const first =
    fetched === 0
      ? ''
      : dryRun
        ? `, and fetch ${size(fetched)} first`
        : `; ${size(fetched)} of it came from peers`;
  return printable(
    [
      `${head}${first}:`,
      ...distributions.map(({ name, sequence }) => `  index of ${name} at sequence ${sequence}`),
      ...(contents === 0 ? [] : [`  contents  ${size(contents)}`]),
      ...named(
        releases.map((each) => `  ${each.name} ${each.version} (${each.architecture})  ${size(each.size)}`),
      ),
      ...(dryRun ? [] : ['Another machine takes it with: gtpkg bundle import FILE']),
    ].join('\n'),
  );
}

export function renderImported({ dryRun, distributions, releases, taken, contents }: Imported): string {
  const states = new Map<string, number>();
  for (const { state } of releases) states.set(state, (states.get(state) ?? 0) + 1);
  const fresh = states.get('taken') ?? 0;
  const unlisted = states.get('unlisted') ?? 0;
  const unseedable = distributions.filter(({ state, seedable }) => KEPT.includes(state) && !seedable);
  return printable(
    [
      ...distributions.map((each) => `${each.name}: ${verdict(each)}`),
      ...named(
        releases
          .filter(({ state }) => state === 'taken')
          .map((each) => `  ${each.name} ${each.version} (${each.architecture})  ${size(each.size)}`),
      ),
      `${dryRun ? 'Would take' : 'Took'} ${count(fresh, 'release')}, ${size(taken)}; ${states.get('held') ?? 0} were here already.`,
      ...(contents === 0
        ? []
        : [
            `${dryRun ? 'Would take' : 'Took'} ${size(contents)} of contents: gtpkg owns and files answer from them.`,
          ]),
      ...(unlisted === 0
        ? []
        : [`Left on the stick, because no trusted index lists them: ${count(unlisted, 'release')}.`]),
      ...unseedable.map(
        ({ name }) =>
          `${name} cannot be seeded yet: gtpkg update ${name} with a network completes its index core.`,
      ),
    ].join('\n'),
  );
}

const KEPT: readonly ImportedIndex['state'][] = ['added', 'updated', 'unchanged'];

function verdict({ state, sequence, previous }: ImportedIndex): string {
  switch (state) {
    case 'added':
      return `added as a source, sequence ${sequence}`;
    case 'updated':
      return `sequence ${sequence} (was ${previous})`;
    case 'unchanged':
      return `up to date at sequence ${sequence}`;
    case 'passed-over':
      return 'its index was passed over';
    case 'unknown':
      return 'no source here, passed over (--source INTRODUCTION takes it)';
    case 'incomplete':
    case 'refused':
      return state;
  }
}

function named(lines: readonly string[]): string[] {
  return lines.length <= NAMED
    ? [...lines]
    : [...lines.slice(0, NAMED), `  and ${lines.length - NAMED} more`];
}
