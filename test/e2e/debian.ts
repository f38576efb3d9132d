/**
 * Real Debian packages, fetched with `apt-get download` at test time, and dpkg-deb as the judge of a root.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink } from 'node:fs/promises';
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

/** Every path with type, mode, owner, link target or contents; byte names, so any name survives. */
export async function listing(
  directory: string,
  skip: (path: string) => boolean = () => false,
): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  const visit = async (path: Buffer, shown: string): Promise<void> => {
    for (const name of await readdir(path, { encoding: 'buffer' })) {
      const at = Buffer.concat([path, Buffer.from('/'), name]);
      const text = `${shown}/${name.toString('latin1')}`;
      if (skip(text)) continue;
      const stat = await lstat(at);
      const mode = (stat.mode & 0o7777).toString(8);
      const owner = `${stat.uid}:${stat.gid}`;
      if (stat.isDirectory()) {
        out.set(text, `directory ${mode} ${owner}`);
        await visit(at, text);
      } else if (stat.isSymbolicLink())
        out.set(text, `link ${(await readlink(at, { encoding: 'buffer' })).toString('latin1')}`);
      else if (stat.isFile())
        out.set(
          text,
          `file ${mode} ${owner} ${stat.nlink} ${createHash('sha256')
            .update(await readFile(at))
            .digest('hex')}`,
        );
      else out.set(text, `other ${stat.mode} ${stat.rdev}`);
    }
  };
  await visit(Buffer.from(directory), '');
  return out;
}

/** The root's own records, and the directories above them. */
export function isOurs(path: string): boolean {
  return path === '/var/lib/gtpkg' || path.startsWith('/var/lib/gtpkg/');
}

/** Paths in which two listings differ. */
export function differences(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => `${path}: ${a.get(path) ?? 'absent'} | ${b.get(path) ?? 'absent'}`);
}
