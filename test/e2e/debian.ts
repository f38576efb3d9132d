/**
 * Real Debian packages, fetched with `apt-get download` at test time, and dpkg-deb as the judge of a root.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

function works(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
}

/** Why real packages cannot be had here, or false. */
export function noDebian(): string | false {
  if (!works('dpkg-deb', ['--version'])) return 'dpkg-deb is not here';
  if (!works('apt-get', ['--version'])) return 'apt-get is not here';
  if (!works('apt-cache', ['show', 'hello'])) return 'apt has no package lists (apt-get update was not run)';
  return false;
}

/** Versions that apt offers of a package, newest first. */
export async function offeredVersions(name: string): Promise<string[]> {
  const { stdout } = await run('apt-cache', ['madison', name]);
  return [
    ...new Set(
      stdout
        .split('\n')
        .flatMap((line) => (line.includes('Packages') ? [line.split('|')[1]?.trim() ?? ''] : [])),
    ),
  ];
}

/** Downloads `NAME` or `NAME=VERSION` each into `directory`; gives the files in that order. */
export async function download(directory: string, wanted: readonly string[]): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const files: string[] = [];
  for (const each of wanted) {
    const before = new Set(await readdir(directory));
    await run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', each], {
      cwd: directory,
      timeout: 120_000,
    });
    const name = each.split('=', 1)[0] ?? '';
    const found = (await readdir(directory)).find((file) => !before.has(file) && file.startsWith(`${name}_`));
    if (found === undefined) throw new Error(`apt-get download ${each} left no file`);
    files.push(join(directory, found));
  }
  return files;
}

/** Names that a package needs to be installed from nothing, without Recommends. */
export async function closure(name: string): Promise<string[]> {
  const { stdout } = await run('apt-cache', [
    'depends',
    '--recurse',
    '--no-recommends',
    '--no-suggests',
    '--no-conflicts',
    '--no-breaks',
    '--no-replaces',
    '--no-enhances',
    name,
  ]);
  return [...new Set(stdout.split('\n').filter((line) => /^[a-z0-9]/.test(line)))].sort();
}

/** Unpacks .debs over each other, as dpkg-deb -x does. */
export async function unpack(files: readonly string[], directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const file of files) await run('dpkg-deb', ['-x', file, directory]);
}

/** The root's own records, and the directories above them. */
export function isOurs(path: string): boolean {
  return path === '/var/lib/gtpkg' || path.startsWith('/var/lib/gtpkg/');
}
