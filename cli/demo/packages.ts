/** The demo's packages: small, real programs, written as a maintainer would lay them out. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One program to be packaged. */
export interface Program {
  readonly name: string;
  readonly version: string;
  readonly depends?: string;
  readonly summary: string;
  readonly script: string;
  /** lines of a data file, so that there is something to transfer */
  readonly lines?: number;
}

/** Writes `control` and `data/` for a program and gives the directory. */
export async function writeProgram(parent: string, program: Program): Promise<string> {
  const directory = join(parent, `${program.name}-${program.version}`);
  const bin = join(directory, 'data', 'usr', 'bin');
  await mkdir(bin, { recursive: true });
  const control = [
    `Package: ${program.name}`,
    `Version: ${program.version}`,
    'Architecture: all',
    'Maintainer: The gtpkg demo <demo@example.org>',
    ...(program.depends === undefined ? [] : [`Depends: ${program.depends}`]),
    `Description: ${program.summary}`,
  ];
  await writeFile(join(directory, 'control'), `${control.join('\n')}\n`);
  await writeFile(join(bin, program.name), program.script);
  await chmod(join(bin, program.name), 0o755);
  if (program.lines !== undefined) {
    const share = join(directory, 'data', 'usr', 'share', program.name);
    await mkdir(share, { recursive: true });
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0);
    await writeFile(
      join(share, 'words'),
      Array.from({ length: program.lines }, () => `${next().toString(36)}-${next().toString(36)}`).join('\n'),
    );
  }
  return directory;
}

const greet = (version: string, word: string): Program => ({
  name: 'greet',
  version,
  summary: 'says hello',
  script: `#!/bin/sh\necho "${word}, \${1:-world}! (greet ${version})"\n`,
});

export const PROGRAMS = {
  greet1: greet('1.0', 'Hello'),
  greet2: greet('1.1', 'Good day'),
  greetFork: greet('2.0', 'Freedom'),
  fortune: {
    name: 'fortune-cookie',
    version: '3.2',
    summary: 'tells a fortune',
    script: '#!/bin/sh\necho "Those who share will be shared with."\n',
    lines: 40_000,
  },
  party: {
    name: 'party',
    version: '1.0',
    depends: 'greet (>= 1.0), fortune-cookie',
    summary: 'greets, and tells a fortune',
    script: '#!/bin/sh\nd=$(dirname "$0")\n"$d/greet" "$@"\n"$d/fortune-cookie"\n',
  },
} as const satisfies Record<string, Program>;
