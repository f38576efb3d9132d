/**
 * Real Debian packages for the benchmarks, chosen by apt's own resolver and downloaded once into a cache that later runs find again:
 * $GTPKG_BENCH_CACHE, by default gtpkg-bench-cache in the folder for temporary files. The machine itself is not changed: apt only
 * calculates (a status file of ours, no lock) and downloads.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { fetchDebs, wouldFetch, type Deb, type DebFile } from '../fixtures/debs.js';
import { compareVersions } from '../model/index.js';

const run = promisify(execFile);
const OUTPUT = { maxBuffer: 256 * 1024 * 1024 };
const PROGRAMS = ['git', 'python3', 'vim', 'nodejs', 'imagemagick'];

/** A package that the apt lists hold in two versions. */
export interface Pair {
  readonly name: string;
  readonly old: string;
  readonly new: string;
  readonly architecture: string;
}

/** Where everything that is worth keeping between runs is kept; it may be removed at any time. */
export async function cache(...parts: string[]): Promise<string> {
  const folder = join(process.env['GTPKG_BENCH_CACHE'] ?? join(tmpdir(), 'gtpkg-bench-cache'), ...parts);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** A folder in the cache that `fill` makes once; one that was not filled to its end is not there. */
export async function cached(
  parts: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const parent = await cache(...parts.slice(0, -1));
  const folder = join(parent, parts.at(-1) ?? '');
  if (existsSync(folder)) return folder;
  const draft = await mkdtemp(`${folder}.`);
  try {
    await fill(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** The packages of the install benchmark: git, python3, vim, nodejs, imagemagick and all they need, in a root that has nothing. */
export async function installSet(): Promise<{
  readonly files: readonly string[];
  readonly debs: readonly Deb[];
}> {
  const debs = await wouldFetch(PROGRAMS, { bare: true });
  return { debs, files: await fetchDebs(debs, await cache('debs')) };
}

/** Bytes of files. */
export async function bytesOf(files: readonly string[]): Promise<number> {
  let sum = 0;
  for (const file of files) sum += (await stat(file)).size;
  return sum;
}

/**
 * All packages of this machine's architecture that the apt lists hold in two versions or more (as stable and its security suite do): the
 * two newest of each, by name.
 */
export async function twoVersions(): Promise<Pair[]> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(FILENAME)',
    'Created-By: Packages',
  ]);
  const found = new Map<string, Map<string, string>>();
  for (const list of stdout.split('\n').filter((line) => line !== '')) {
    const { stdout: text } = await run('/usr/lib/apt/apt-helper', ['cat-file', list], OUTPUT);
    for (const paragraph of text.split('\n\n')) {
      const name = field(paragraph, 'Package');
      const version = field(paragraph, 'Version');
      if (name === undefined || version === undefined) continue;
      const versions = found.get(name) ?? new Map<string, string>();
      found.set(name, versions.set(version, field(paragraph, 'Architecture') ?? ''));
    }
  }
  return [...found]
    .flatMap(([name, versions]): Pair[] => {
      const [newest, before] = [...versions.keys()].sort((a, b) => compareVersions(b, a));
      if (newest === undefined || before === undefined) return [];
      if (versions.get(newest) !== versions.get(before)) return [];
      return [{ name, old: before, new: newest, architecture: versions.get(newest) ?? '' }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function field(paragraph: string, name: string): string | undefined {
  const at = paragraph.startsWith(`${name}: `) ? 0 : paragraph.indexOf(`\n${name}: `) + 1;
  if (at === 0 && !paragraph.startsWith(`${name}: `)) return undefined;
  const end = paragraph.indexOf('\n', at);
  return paragraph.slice(at + name.length + 2, end < 0 ? undefined : end);
}

/** Both versions of each pair as files, in the order of the pairs. */
export async function fetchPairs(
  pairs: readonly Pair[],
): Promise<{ readonly old: string; readonly new: string }[]> {
  const deb = (pair: Pair, version: string): DebFile => ({
    file: `${pair.name}_${version.replaceAll(':', '%3a')}_${pair.architecture}.deb`,
    name: pair.name,
    version,
    architecture: pair.architecture,
  });
  const debs = pairs.flatMap((pair) => [deb(pair, pair.old), deb(pair, pair.new)]);
  const files = await fetchDebs(debs, await cache('debs'));
  return pairs.map((_, i) => ({ old: files[2 * i] ?? '', new: files[2 * i + 1] ?? '' }));
}

/** A file's name without its folder, for tables. */
export const shortName = (file: string): string => basename(file, '.deb');
