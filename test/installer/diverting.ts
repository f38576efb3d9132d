/** Packages whose scripts divert files of others and take nothing back: what the tests of the way back, and of a kill, run. */
import type { TransactionStep } from '../../installer/index.js';
import * as h from './helpers.js';

export const P = 'usr/bin/tool';
const call = (words: string): string => `dpkg-divert --root "$DPKG_ROOT" --quiet --package bb ${words}`;
const add = call(`--rename --divert /${P}.real --add /${P}`);
const drop = call(`--rename --remove /${P}`);
const script = (text: string): string => `#!/bin/sh\nset -e\n${text}\n`;

/** What is diverted. */
export const tool = (version: string): h.PackageSpec => ({
  name: 'aa',
  version,
  files: { [P]: { content: `aa ${version}`, mode: 0o755 }, 'usr/share/aa': version },
});

/** A package with these scripts, which brings its own program in the place of another one's. */
export const diverting = (
  name: string,
  version: string,
  scripts: Readonly<Record<string, string>>,
  files: h.PackageSpec['files'] = { [P]: { content: `${name} ${version}`, mode: 0o755 } },
): h.PackageSpec => ({
  name,
  version,
  files: scripts['preinst']?.includes('/opt/') === true ? {} : files,
  scripts: Object.fromEntries(Object.entries(scripts).map(([one, text]) => [one, script(text)])),
});

const coming = diverting('bb', '1', { preinst: add });
const going = diverting('bb', '1', {
  preinst: `if [ "$1" = install ]; then ${add}; fi`,
  postrm: `if [ "$1" = remove ]; then ${drop}; fi`,
});
const override =
  'dpkg-statoverride --root "$DPKG_ROOT" --update --force-all --add root tty 2750 /usr/share/aa';

export interface Story {
  readonly first: readonly (() => TransactionStep[])[];
  readonly then: () => TransactionStep[];
}

/** The transactions that lead there, and the one that is taken back. */
export const STORIES: Readonly<Record<string, Story>> = {
  'a preinst diverts': { first: [() => [h.install(tool('1'))]], then: () => [h.install(coming)] },
  'a preinst diverts what is upgraded in the same transaction': {
    first: [() => [h.install(tool('1'))]],
    then: () => [h.install(diverting('bb', '1', { preinst: add }, { 'usr/bin/bb': 'bb' })), h.install(tool('2'))],
  },
  'a postrm ends a diversion': {
    first: [() => [h.install(tool('1'))], () => [h.install(going)]],
    then: () => [h.remove('bb')],
  },
  'a postrm ends a diversion, and what was diverted is upgraded': {
    first: [() => [h.install(tool('1'))], () => [h.install(going)]],
    then: () => [h.remove('bb'), h.install(tool('2'))],
  },
  'the diverted one goes, then its diversion': {
    first: [() => [h.install(tool('1'))], () => [h.install(going)]],
    then: () => [h.remove('aa'), h.remove('bb', true)],
  },
  'a postinst diverts, and puts a link of its own in the place': {
    first: [() => [h.install(tool('1'))]],
    then: () => [
      h.install(
        diverting('bb', '1', { postinst: `${add}\nln -s bb "$DPKG_ROOT/${P}"` }, { 'usr/bin/bb': 'bb' }),
      ),
    ],
  },
  'a prerm ends a diversion before files change': {
    first: [() => [h.install(tool('1'))], () => [h.install(diverting('bb', '1', { preinst: add, prerm: drop }, { 'usr/bin/bb': '1' }))]],
    then: () => [h.install(diverting('bb', '2', { postinst: ':' }, { 'usr/bin/bb': 'bb' })), h.install(tool('2'))],
  },
  'a postinst lays an override upon what another package has': {
    first: [() => [h.install(tool('1'))]],
    then: () => [h.install(diverting('bb', '1', { postinst: override }, { 'usr/bin/bb': 'bb' }))],
  },
}; // prettier-ignore
