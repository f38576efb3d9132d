/** File capabilities that the manifest lacks, that are none, or that the user does not want; attributes that are not a package's to set. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { changeRoot } from '../../cli/workflows/change.js';
import type { ManifestEntry } from '../../model/index.js';
import * as xattr from '../../system/xattr.js';
import type { Member } from '../e2e/evil-deb.js';
import { tampered } from '../e2e/evil-release.js';
import { ADMIN, capability } from '../installer/xattr-support.js';
import { forge } from '../package-repo/forge.js';
import { debs, file } from './archives.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

const pax = (key: string, value: string): Member => {
  const rest = ` SCHILY.xattr.${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length++;
  return { name: 'pax', type: 'x', body: `${length}${rest}` };
};

attack('capability that the manifest lacks', async (scene) => {
  // a line is added to the signed manifest
  const release = await tampered(scene.victim, ({ objects }) => {
    const at = objects.findIndex(({ body }) => body.includes('#gtpkg-manifest 1\n'));
    const text = objects[at]?.body.toString('latin1') ?? '';
    assert.match(text, /^f 0755/m);
    const more = text
      .replace('manifest 1', 'manifest 2')
      .replace(/^(f 0755.*\n)/m, `$1x security.capability ${ADMIN}\n`);
    objects[at] = { type: 'blob', body: Buffer.from(more, 'latin1') };
  });
  await scene.refusesRelease(release, 'RELEASE_MALFORMED');
  // what is installed has what its manifest says, and nothing besides
  const names = ((): readonly string[] => {
    try {
      return xattr.list(Buffer.from(join(scene.path('client', 'root'), 'usr', 'bin', 'hello')));
    } catch {
      return [];
    }
  })();
  assert.ok(!names.includes('security.capability'), String(names));
});

attack(
  'extended attributes that are not a package’s to set, and capabilities that are none, signed',
  async (scene) => {
    const lines = [
      `x security.capability 01000001${'20'.padEnd(16, '0')}`,
      `x security.capability ${ADMIN}00`,
      'x security.selinux 00',
      'x security.ima 0301',
      'x trusted.overlay.opaque 79',
      'x system.posix_acl_access 02000000',
    ];
    for (const line of lines) {
      const manifest = Buffer.from(['#gtpkg-manifest 2', file('a'), line, ''].join('\n'), 'latin1');
      const release = await forge(scene.ada, { files: (files) => ({ ...files, manifest }) });
      await scene.refusesRelease(forgedRelease(release), 'MANIFEST_MALFORMED');
    }
  },
);

attack('extended attributes of a stranger’s archive', async (scene) => {
  const member = { name: './usr/x', body: 'x' };
  await debs(scene, [
    [pax('security.capability', 'x'), member],
    [pax('user.x', 'x'), { name: './usr/d/', type: '5' }],
    [pax('user.x', 'x'), { name: './usr/l', type: '2', link: 'x' }],
    [member, pax('security.capability', 'x'), { name: './usr/y', type: '1', link: './usr/x' }],
  ]);
  const others = ['trusted.overlay.opaque', 'system.posix_acl_access', 'security.other'];
  await debs(scene, others.map((name) => [pax(name, 'y'), member]), 'DEB_MALFORMED'); // prettier-ignore
});

attack('capabilities that the manifest has and the user does not want', async (scene) => {
  const rights = (entries: readonly ManifestEntry[]): ManifestEntry[] =>
    entries.map((entry) => ({ ...entry, xattrs: [capability(ADMIN)] }));
  const release = forgedRelease(await forge(scene.ada, { entries: rights }));
  const index = await scene.index();
  await index.lists(release);
  const request = { kind: 'install', words: [`sample@${index.source}`], recommends: false, dependencies: true } as const; // prettier-ignore
  const conffiles = { conffilePolicy: 'keep', specialFiles: 'refuse' } as const;
  const error = await scene.refuses(
    () => scene.with('client', (context) => changeRoot(context, request, { dryRun: false, conffiles })),
    'POLICY_REFUSED',
  );
  assert.match(error.message, /\/a \(capability, root:root\)/);
});
