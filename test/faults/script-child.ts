/** Installs, upgrades or removes `pkg` with a script that waits for ever, to be killed meanwhile: script-child.js DIR WHAT VERSION SCRIPT. */
import * as h from '../installer/helpers.js';

const [dir = '', what = '', version = '', name = ''] = process.argv.slice(2);
const wait = '#!/bin/sh\necho "$V-$DPKG_MAINTSCRIPT_NAME $*" >> "$DPKG_ROOT/calls"\n';
const all = ['preinst', 'postinst', 'prerm', 'postrm'];
const first: Record<string, string> = {
  preinst: 'install|upgrade',
  postinst: 'configure',
  prerm: 'upgrade|remove',
  postrm: 'upgrade|remove',
};
const scripts = Object.fromEntries(
  all.map((one) => [
    one,
    wait.replace('$V', '2') +
      (version === '2' && one === name
        ? `case "$1" in ${first[one] ?? ''}) touch "$DPKG_ROOT/now"; sleep 300;; esac\n`
        : ''),
  ]),
);
const step =
  what === 'remove'
    ? h.remove('pkg')
    : h.install({ name: 'pkg', version: '2', files: { 'usr/bin/pkg': 'program 2' }, scripts });
await h.run(dir, [step], { scripts: { how: 'outside' } });
