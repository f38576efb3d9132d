/**
 * Other people's tools to compare with, from Debian packages unpacked into a private folder: nothing is installed on the machine, no maintainer
 * script runs. A tool that is installed already is used from there.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, fetchDebs, wouldFetch } from './debs.js';

const run = promisify(execFile);

/** Programs, and the environment to run them in. */
export interface Tools {
  /** where the packages are unpacked: their `/usr` is `<folder>/usr` */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** the full path of a program, unpacked or of the machine. @throws Error when it is nowhere */
  path(program: string): string;
}

/** Unpacks these Debian packages with whatever they need that the machine lacks. Needs apt's lists, and a mirror the first time. */
export async function tools(packages: readonly string[]): Promise<Tools> {
  const debs = await wouldFetch(packages, { bare: false });
  const names = debs.map(({ file }) => file).sort();
  const id = createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16);
  const folder = await cached(['tools', id], async (draft) => {
    for (const file of await fetchDebs(debs)) await run('dpkg-deb', ['-x', file, draft]);
  });
  const { stdout } = await run('dpkg-architecture', ['-qDEB_HOST_MULTIARCH']).catch(() => ({
    stdout: `${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu\n`,
  }));
  const triplet = stdout.trim();
  const before = (variable: string, paths: readonly string[]): string =>
    [...paths.map((path) => join(folder, path)), process.env[variable] ?? '']
      .filter((path) => path !== '')
      .join(':');
  const programs = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];
  const env = {
    ...process.env,
    PATH: before('PATH', programs),
    LD_LIBRARY_PATH: before('LD_LIBRARY_PATH', [`usr/lib/${triplet}`, `lib/${triplet}`, 'usr/lib', 'lib']),
    PYTHONPATH: before('PYTHONPATH', ['usr/lib/python3/dist-packages']),
    PERL5LIB: before('PERL5LIB', ['usr/share/perl5', `usr/lib/${triplet}/perl5`]),
  };
  return {
    folder,
    env,
    path(program) {
      const found = env.PATH.split(':')
        .map((path) => join(path, program))
        .find((path) => existsSync(path));
      if (found === undefined) throw new Error(`${program} is in none of ${packages.join(', ')}`);
      return found;
    },
  };
}
