/** Packages whose scripts tell that they were called. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as h from './helpers.js';

/** Scripts run in these roots, which have no shell of their own. */
export const OUTSIDE = { how: 'outside' } as const;
/** In dpkg's order of a package's life. */
export const NAMES = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
export type Name = (typeof NAMES)[number];

// Says that it was called, and with what; does `extra` then. DPKG_ROOT is the root, because these roots have no shell of their own.
const script = (version: string, name: Name, extra = ''): string => `#!/bin/sh
set -e
echo "${version}-${name} $*" >> "$DPKG_ROOT/calls"
${extra}
`;

/** What a package is made of. */
export interface Made {
  version: string;
  name?: string;
  extra?: Partial<Record<Name, string>>;
  files?: Record<string, h.Spec>;
  conffiles?: string[];
}

/** A package each of whose scripts says that it was called, and with what, and does its `extra`. */
export function made({ version, name = 'pkg', extra = {}, files, conffiles = [] }: Made): h.PackageSpec {
  const scripts = Object.fromEntries(NAMES.map((one) => [one, script(version, one, extra[one])]));
  return { name, version, files: files ?? { 'usr/bin/pkg': `program ${version}` }, conffiles, scripts };
}

/** What was called since the last time. */
export function calls(dir: string): string[] {
  const path = join(dir, 'calls');
  if (!fs.existsSync(path)) return [];
  const lines = fs.readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  fs.rmSync(path);
  return lines;
}

/** One transaction; @returns the calls that it made. */
export const steps = async (
  dir: string,
  ...list: Parameters<typeof h.run>[1][number][]
): Promise<string[]> => {
  await h.run(dir, list, { scripts: OUTSIDE });
  return calls(dir);
};
