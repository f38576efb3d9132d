/** dpkg itself as the judge: made-up packages as .debs, and a dpkg that works on a directory. */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type * as h from './helpers.js';

/** Why dpkg cannot be the judge here, or false. */
export function noDpkg(): string | false {
  if (process.getuid?.() !== 0) return 'dpkg --root needs root';
  for (const tool of ['dpkg', 'dpkg-deb'])
    if (spawnSync(tool, ['--version']).error !== undefined) return `${tool} is not here`;
  return false;
}

/** The same package as a .deb. @returns its path, in `work` */
export function deb(work: string, spec: h.PackageSpec): string {
  const {
    name,
    version = '1',
    files = {},
    conffiles = [],
    gone = [],
    replaces,
    fields = {},
    scripts = {},
  } = spec;
  const dir = fs.mkdtempSync(join(work, 'deb-'));
  fs.mkdirSync(join(dir, 'DEBIAN'));
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Test <test@example.org>',
    `Description: ${name}`,
  ];
  if (replaces !== undefined) control.push(`Replaces: ${replaces}`);
  for (const [field, value] of Object.entries(fields)) control.push(`${field}: ${value}`);
  fs.writeFileSync(join(dir, 'DEBIAN/control'), `${control.join('\n')}\n`);
  const lines = [
    ...conffiles.map((path) => `/${path}\n`),
    ...gone.map((path) => `remove-on-upgrade /${path}\n`),
  ];
  if (lines.length > 0) fs.writeFileSync(join(dir, 'DEBIAN/conffiles'), lines.join(''));
  for (const [script, text] of Object.entries(scripts))
    fs.writeFileSync(join(dir, 'DEBIAN', script), text, { mode: script === 'triggers' ? 0o644 : 0o755 });
  for (const [path, one] of Object.entries(files)) {
    const {
      type = 'f',
      content = '',
      link = '',
      mode = type === 'd' ? 0o755 : 0o644,
    } = typeof one === 'string' ? { content: one } : one;
    const full = join(dir, path);
    fs.mkdirSync(join(full, '..'), { recursive: true });
    if (type === 'd') fs.mkdirSync(full, { recursive: true });
    else if (type === 'l') fs.symlinkSync(link, full);
    else if (type === 'h') fs.linkSync(join(dir, link), full);
    else fs.writeFileSync(full, content);
    if (type === 'f' || type === 'd') fs.chmodSync(full, mode);
  }
  const file = `${dir}.deb`;
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Znone', dir, file], { stdio: 'pipe' });
  return file;
}

/** Makes `dir` an empty root of dpkg. */
export function dpkgRoot(dir: string): void {
  fs.mkdirSync(join(dir, 'var/lib/dpkg/info'), { recursive: true });
  for (const name of ['updates', 'triggers']) fs.mkdirSync(join(dir, 'var/lib/dpkg', name));
  for (const name of ['status', 'available']) fs.writeFileSync(join(dir, 'var/lib/dpkg', name), '');
}

/** Runs dpkg on the root `dir`; scripts run outside of it, with DPKG_ROOT. */
export function dpkg(dir: string, ...words: readonly string[]): { status: number | null; output: string } {
  const force = ['confold', 'unsafe-io', 'not-root', 'script-chrootless'].map((one) => `--force-${one}`);
  const { status, stdout, stderr } = spawnSync(
    'dpkg',
    [`--root=${dir}`, ...force, '--log=/dev/null', ...words],
    {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    },
  );
  return { status, output: stdout + stderr };
}

/** What dpkg says of each package: `NAME STATE VERSION`, sorted; those of which nothing is left are not in it. */
export function dpkgStates(dir: string): string[] {
  const text = fs.readFileSync(join(dir, 'var/lib/dpkg/status'), 'utf8');
  return text
    .split('\n\n')
    .flatMap((paragraph) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
      const state = field('Status').split(' ').at(-1) ?? '';
      if (state === '' || state === 'not-installed') return [];
      return [`${field('Package')} ${state} ${field('Config-Version') || field('Version')}`];
    })
    .sort();
}
