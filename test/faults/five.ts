/**
 * Five packages with conffiles and maintainer scripts that leave traces: what is killed, starved and torn in these tests.
 *
 * Each package has a state in `srv/NAME`, kept by its scripts alone: postinst makes it `running VERSION`, prerm `stopped VERSION`; a preinst writes
 * `srv/NAME.new`, the postrm that calls it off, or the postinst, empties it. All is done by the shell itself: a script costs one process.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { TransactionStep } from '../../installer/index.js';
import * as h from '../installer/helpers.js';
import { specs } from '../installer/scenarios.js';

/** Scripts run in these roots, which have no shell of their own, as dpkg's `script-chrootless`. */
export const OUTSIDE = { how: 'outside' } as const;

const NAMES = ['preinst', 'postinst', 'prerm', 'postrm'] as const;

// $DPKG_ROOT/halt, when it is there: a call, in the midst of which this script kills the installer, or waits until the file is gone
const HEAD = `#!/bin/sh
set -e
at="$DPKG_ROOT/srv/$DPKG_MAINTSCRIPT_PACKAGE"
halt() {
  [ -e "$DPKG_ROOT/halt" ] || return 0
  read how call < "$DPKG_ROOT/halt"
  [ "$call" = "$DPKG_MAINTSCRIPT_PACKAGE $V-$DPKG_MAINTSCRIPT_NAME $1" ] || return 0
  echo "$call" > "$DPKG_ROOT/halted"
  if [ "$how" = kill ]; then kill -9 $PPID; while :; do sleep 1; done; fi
  while [ -e "$DPKG_ROOT/halt" ]; do sleep 0.02; done
}
`;
const BODY: Readonly<Record<(typeof NAMES)[number], string>> = {
  preinst: 'echo "half" > "$at.new"; halt "$1"; echo "ready $V" > "$at.new"',
  postinst: 'echo "half" > "$at"; halt "$1"; echo "running $V" > "$at"; : > "$at.new"',
  prerm: 'echo "half" > "$at"; halt "$1"; echo "stopped $V" > "$at"',
  postrm:
    'halt "$1"; case "$1" in abort-install|abort-upgrade) : > "$at.new";; purge) : > "$at"; : > "$at.new";; esac',
};

function scripts(version: string): Record<string, string> {
  return Object.fromEntries(NAMES.map((name) => [name, `${HEAD}V=${version}\n${BODY[name]}\n`]));
}

/** Installs, or upgrades to, `version` of all five. @param scripted - which of them have scripts */
export function five(version: string, scripted = ['aa', 'bb', 'cc', 'dd', 'ee']): TransactionStep[] {
  const next = version === '2';
  const more: h.PackageSpec[] = [
    {
      name: 'dd',
      version,
      files: {
        'etc/dd/dd.conf': `d = ${version}\n`,
        [`usr/share/dd/${version}/only`]: 'x',
        ...(next ? { 'etc/dd/second.conf': 'new conffile\n' } : { 'etc/dd/first.conf': 'old conffile\n' }),
      },
      conffiles: ['etc/dd/dd.conf', next ? 'etc/dd/second.conf' : 'etc/dd/first.conf'],
    },
    {
      name: 'ee',
      version,
      files: { 'etc/ee.conf': 'the same always\n', 'usr/bin/ee': { content: version, mode: 0o4755 } },
      conffiles: ['etc/ee.conf'],
    },
  ];
  return [...specs(version), ...more].map((spec) =>
    h.install({ ...spec, version, scripts: scripted.includes(spec.name) ? scripts(version) : {} }),
  );
}

/** Version 1 of all in `dir`; the user edited two conffiles, deleted a third. */
export async function before(dir: string, scripted?: string[]): Promise<void> {
  fs.mkdirSync(join(dir, 'srv'), { recursive: true });
  await h.run(dir, [h.install({ name: 'base', files: { 'usr/share/base': '0', 'etc/base': '0' } })]);
  await h.run(dir, five('1', scripted), { scripts: OUTSIDE });
  for (const path of ['etc/aa.conf', 'etc/bb/bb.conf']) {
    h.write(dir, path, 'edited by the user\n');
    fs.utimesSync(join(dir, path), 1_700_000_000, 1_700_000_000);
  }
  fs.rmSync(join(dir, 'etc/dd/dd.conf'));
}

/** h.wholeState, with what scripts made by content alone: they are called again when something is taken back. */
export function stateOf(dir: string): Record<string, string> {
  const all = h.wholeState(dir);
  for (const path of Object.keys(all))
    if (path.startsWith('srv/')) all[path] = fs.readFileSync(join(dir, path), 'utf8');
  return all;
}

/** A killed process in this very process leaves its lock, which seems to be held. */
export function dropLock(dir: string): void {
  const state = join(dir, 'var/lib/gtpkg');
  for (const name of fs.readdirSync(state)) if (name.startsWith('lock')) fs.rmSync(join(state, name));
}
