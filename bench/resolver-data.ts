/**
 * Debian's own lists of packages for the benchmarks of the resolver, fetched once by apt into a private root: the machine's own apt is not
 * touched. Needs apt and Debian's keyring.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './debs.js';

const run = promisify(execFile);
const OUTPUT = { maxBuffer: 256 * 1024 * 1024 };
const MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** One suite's main, as text and as an apt root that knows nothing else. */
export interface Suite {
  readonly name: string;
  readonly folder: string;
  /** the Packages file of amd64, uncompressed */
  readonly packages: string;
  /** that of the other architecture, where one was asked for */
  readonly foreign: string;
}

/** The lists of a suite for amd64, and for `foreign` where that is not empty; of the cache where they are there. */
export async function suite(name: string, foreign = ''): Promise<Suite> {
  const architectures = ['amd64', ...(foreign === '' ? [] : [foreign])];
  const key = foreign === '' ? name : `${name}-${architectures.join('-')}`;
  const file = (architecture: string): string =>
    architecture === 'amd64' ? 'Packages' : `Packages-${architecture}`;
  const folder = await cached(['resolver', key], async (draft) => {
    await mkdir(join(draft, 'lists', 'partial'), { recursive: true });
    await writeFile(join(draft, 'sources.list'), `deb [signed-by=${KEYRING}] ${MIRROR} ${name} main\n`);
    await writeFile(join(draft, 'empty'), '');
    const env = {
      ...process.env,
      APT_CONFIG: await aptConfig(draft, { lists: draft, keep: false, foreign }),
    };
    await run('apt-get', ['update', '-qq'], { env });
    const lists = await readdir(join(draft, 'lists'));
    for (const architecture of architectures) {
      const list = lists.find((each) => each.includes(`_binary-${architecture}_Packages`));
      if (list === undefined) throw new Error(`apt has no list of ${name} for ${architecture}`);
      const { stdout } = await run('/usr/lib/apt/apt-helper', ['cat-file', join(draft, 'lists', list)], {
        ...OUTPUT,
        encoding: 'buffer',
      });
      await writeFile(join(draft, file(architecture)), stdout);
    }
  });
  return { name, folder, packages: join(folder, file('amd64')), foreign: join(folder, file(foreign)) };
}

/**
 * Writes an apt configuration that sees one suite and one state, and gives its path.
 * @param folder - for whatever apt writes
 */
export async function aptConfig(
  folder: string,
  options: {
    /** of the suite */
    readonly lists: string;
    /** dpkg's status; absent: nothing is installed */
    readonly status?: string;
    /** apt keeps its binary cache between runs */
    readonly keep: boolean;
    /** an architecture besides; '' for none */
    readonly foreign?: string;
  },
): Promise<string> {
  const { lists, status, keep, foreign = '' } = options;
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  const path = join(folder, 'apt.conf');
  const settings: readonly (readonly [string, string])[] = [
    ['Dir::State', folder],
    ['Dir::State::lists', join(lists, 'lists')],
    ['Dir::State::status', status ?? join(lists, 'empty')],
    ['Dir::Cache', join(folder, 'cache')],
    ['Dir::Cache::pkgcache', keep ? 'pkgcache.bin' : ''],
    ['Dir::Cache::srcpkgcache', keep ? 'srcpkgcache.bin' : ''],
    ['Dir::Etc::sourcelist', join(lists, 'sources.list')],
    ['Dir::Etc::sourceparts', '/dev/null'],
    ['Dir::Etc::preferencesparts', '/dev/null'],
    ['APT::Architecture', 'amd64'],
    ['APT::Architectures', foreign === '' ? 'amd64' : `amd64,${foreign}`],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
    ['Debug::NoLocking', '1'],
  ];
  await writeFile(path, settings.map(([name, value]) => `${name} "${value}";\n`).join(''));
  return path;
}

/** Stanzas by `name version`, of a Packages text. */
export function stanzasByRelease(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const stanza of text.split('\n\n')) {
    const name = /^Package: (.*)$/m.exec(stanza)?.[1];
    const version = /^Version: (.*)$/m.exec(stanza)?.[1];
    if (name !== undefined && version !== undefined) found.set(`${name} ${version}`, stanza.trim());
  }
  return found;
}

/** Asks dose-debcheck which packages of a file cannot be installed: `name version`, sorted. */
export async function uninstallableByDose(dose: string, packages: string): Promise<string[]> {
  const found = await brokenByDose(dose, [packages]);
  return found.map((id) => id.split(' ').slice(0, 2).join(' ')).sort();
}

/**
 * Asks dose-debcheck which packages of these files cannot be installed: `name version architecture`.
 * @param about - only these, as NAME:ARCH (absent: all), and another architecture besides amd64
 */
export async function brokenByDose(
  dose: string,
  packages: readonly string[],
  about: { readonly only?: readonly string[]; readonly foreign?: string } = {},
): Promise<string[]> {
  const args = [
    '--deb-native-arch=amd64',
    ...(about.foreign === undefined ? [] : [`--deb-foreign-archs=${about.foreign}`]),
    ...(about.only === undefined ? [] : ['--checkonly', about.only.join(',')]),
    '--failures',
    ...packages,
  ];
  const stdout = await run(dose, args, OUTPUT).then(
    (done) => done.stdout,
    // it ends with 1 when there are some
    (error: { code?: unknown; stdout?: string }) => {
      if (error.code === 1 && error.stdout !== undefined) return error.stdout;
      throw error as Error;
    },
  );
  return [...stdout.matchAll(/^ *package: (\S+)\n *version: (\S+)\n *architecture: (\S+)$/gm)].map(
    ([, name = '', version = '', architecture = '']) => `${name} ${version} ${architecture}`,
  );
}

/** What libapt would install for each of these names, from nothing and with recommendations. */
/** Names may have an architecture after a colon; packages of the native one are printed without. */
export const LIBAPT = `
import sys, apt_pkg
apt_pkg.init_config(); apt_pkg.init_system()
cache = apt_pkg.Cache(None); dep = apt_pkg.DepCache(cache)
for name in sys.argv[1:]:
    dep.init()
    dep.mark_install(cache[name], True, True)
    chosen = sorted(p.get_fullname(True) for p in cache.packages if dep.marked_install(p))
    print(name, dep.broken_count, *chosen)
`;
