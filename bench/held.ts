/** A home that holds the releases of the install benchmark's packages, so that nothing has to be fetched. */
import type { Deb } from '../fixtures/debs.js';
import { bytesOf, installSet } from './debs.js';
import { usage, type Bench, type Program } from './processes.js';
import { publishedHome } from './published.js';

/** What can be installed without a network. */
export interface Held {
  readonly files: readonly string[];
  readonly debs: readonly Deb[];
  /** of the .deb files */
  readonly bytes: number;
  /** Installs all of them into `root`, scripts left out; `--offline`. */
  install(root: string): Program;
  /** Another command of the same home. */
  gtpkg(...args: string[]): Program;
}

/** Fetches all releases once, from a seeder on loopback (idle from then on). */
export async function held(bench: Bench, say: (text: string) => void): Promise<Held> {
  const { debs, files } = await installSet();
  const published = await publishedHome(files, say);
  await bench.startDht();
  await bench.startSeeder(published.home);
  const home = bench.path('home');
  const gtpkg = (...args: string[]): Program => bench.gtpkg(home, ...args);
  await usage(gtpkg('source', 'add', published.introduction, '--name', 'bench'));
  const names = debs.map(({ name }) => name);
  await usage(gtpkg('download', ...names, '--yes', '--json'));
  return {
    files,
    debs,
    bytes: await bytesOf(files),
    gtpkg,
    install: (root) =>
      gtpkg(
        'install',
        ...names,
        '--offline',
        '--no-recommends',
        '--no-scripts',
        '--yes',
        '--json',
        '--root',
        root,
      ),
  };
}
