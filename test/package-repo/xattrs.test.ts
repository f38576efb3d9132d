/** Extended attributes on their way into a release: from archives that others made, and from a disk. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { link, mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { formatManifest, type Xattr } from '../../model/index.js';
import { readDirectory } from '../../package-repo/index.js';
import * as xattr from '../../system/xattr.js';
import { ADMIN, capability, lacksXattrs, note, RAW } from '../installer/xattr-support.js';
import { control, deb, inTemp, lacks, pax, run, withDeb, type RawMember } from './support.js';

const bytes = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');
const CAP = 'SCHILY.xattr.security.capability';
const file: RawMember = { name: './ping', body: 'p', mode: 0o755 };

/** Paths with their attributes. */
async function read(data: readonly RawMember[] | Buffer): Promise<[string, readonly Xattr[] | undefined][]> {
  return withDeb(deb({ data }), ({ entries }) => entries.map(({ path, xattrs }) => [path, xattrs]));
}

test('those that a package may set are kept, for all names of the file', async () => {
  const records = {
    [CAP]: bytes(RAW),
    'SCHILY.xattr.user.b%3Dc%25': 'x=\n\0\xff',
    'SCHILY.xattr.user.a': '',
  };
  const kept = [capability(RAW), note('user.a', ''), note('user.b=c%', 'x=\n\0\xff')];
  const second: RawMember = { name: './a-name', type: '1', link: './ping' };
  const found = await read([pax(records), file, second, { name: './other', body: 'o' }]);
  assert.deepEqual(found, [['a-name', kept], ['other', undefined], ['ping', kept]]); // prettier-ignore
  assert.deepEqual(
    await read([pax(records), file, pax(records), second, { name: './other', body: 'o' }]),
    found,
  );
});

test('labels of the machine where an archive was made are left out, and the manifest is as without them', async () => {
  const labels = {
    'RHT.security.selinux': 'system_u:object_r:bin_t:s0',
    'SCHILY.xattr.security.selinux': 'system_u:object_r:bin_t:s0\0',
    'SCHILY.xattr.security.ima': '\x01\x02',
    'SCHILY.xattr.security.evm': '\x01\x02',
    'SCHILY.xattr.security.SMACK64EXEC': '_',
  };
  const plain = await withDeb(deb({ data: [file] }), ({ entries }) => formatManifest(entries));
  const labelled = await withDeb(deb({ data: [pax(labels), file] }), ({ entries }) =>
    formatManifest(entries),
  );
  assert.deepEqual(labelled, plain);
});

test('what a release cannot keep is refused, and so is what is malformed', async () => {
  const refused: [what: string, records: Record<string, string>, code: string, member?: RawMember][] = [
    ['an access list', { 'SCHILY.xattr.system.posix_acl_access': '\x02' }, 'DEB_MALFORMED'],
    ['an access list of star', { 'SCHILY.acl.access': 'user::rwx' }, 'DEB_MALFORMED'],
    ['trusted', { 'SCHILY.xattr.trusted.overlay.opaque': 'y' }, 'DEB_MALFORMED'],
    ['another security attribute', { 'SCHILY.xattr.security.other': 'y' }, 'DEB_MALFORMED'],
    ['a user attribute without a name', { 'SCHILY.xattr.user.': 'y' }, 'DEB_MALFORMED'],
    ['capabilities that are none', { [CAP]: 'x' }, 'DEB_UNSAFE'],
    ['capabilities of revision 1', { [CAP]: bytes(`01000001${'20'.padEnd(16, '0')}`) }, 'DEB_UNSAFE'],
    ['more than a file may have', { 'SCHILY.xattr.user.a': 'x'.repeat(4000) }, 'DEB_UNSAFE'],
    ['of a directory', { 'SCHILY.xattr.user.a': 'x' }, 'DEB_UNSAFE', { name: './d/', type: '5' }],
    [
      'of a symbolic link',
      { 'SCHILY.xattr.user.a': 'x' },
      'DEB_UNSAFE',
      { name: './l', type: '2', link: 'x' },
    ],
  ];
  for (const [what, records, code, member = file] of refused)
    await assert.rejects(read([pax(records), member]), { code }, what);
  const twice = pax({ [CAP]: bytes(RAW) });
  const both = { ...twice, body: `${String(twice.body)}${String(pax({ [CAP]: bytes(ADMIN) }).body)}` };
  await assert.rejects(read([both, file]), { code: 'DEB_MALFORMED' }, 'twice');
  const second: RawMember = { name: './z', type: '1', link: './ping' };
  await assert.rejects(read([pax({ [CAP]: bytes(RAW) }), file, pax({ [CAP]: bytes(ADMIN) }), second]), { code: 'DEB_UNSAFE' }); // prettier-ignore
  await assert.rejects(read([file, pax({ [CAP]: bytes(ADMIN) }), second]), { code: 'DEB_UNSAFE' });
  const info = [pax({ 'SCHILY.xattr.user.a': 'x' }), { name: './postinst', body: '#!/bin/sh\n' }];
  await assert.rejects(
    withDeb(deb({ info, data: [file] }), () => undefined),
    { code: 'DEB_UNSAFE' },
  );
});

test('from a disk, and what GNU tar writes of the same files', async (t) => {
  await inTemp(async (dir) => {
    const isRoot = process.getuid?.() === 0;
    const why = lacksXattrs(dir, isRoot);
    if (why !== false) return t.skip(why);
    await mkdir(`${dir}/data`);
    for (const name of ['ping', 'plain']) await writeFile(`${dir}/data/${name}`, name);
    await link(`${dir}/data/ping`, `${dir}/data/zz`);
    await writeFile(`${dir}/control`, control());
    const set = (path: string, one: Xattr): void =>
      xattr.set(Buffer.from(`${dir}/data/${path}`), one.name, Buffer.from(one.value, 'hex'));
    const kept = [...(isRoot ? [capability(RAW)] : []), note('user.a=%', 'x\0'), note('user.b', '')];
    for (const one of kept) set('ping', one);
    if (isRoot) set('plain', note('trusted.x', 'not a package’s'));
    set('plain', note('user.xdg.origin.url', 'https://where.it.came.from'));
    xattr.set(Buffer.from(`${dir}/data`), 'user.directory', Buffer.from('x'));
    const { entries } = await readDirectory(dir);
    const found = entries.map(({ path, xattrs }) => [path as string, xattrs]);
    assert.deepEqual(found, [['ping', kept], ['plain', undefined], ['zz', kept]]); // prettier-ignore
    if (lacks('tar') !== false) return;
    const include = ['--xattrs-include=user.[ab]*', '--xattrs-include=security.capability'];
    run(`${dir}/data`, 'tar', [
      'cf',
      '../t.tar',
      '--format=posix',
      '--xattrs',
      ...include,
      './ping',
      './plain',
      './zz',
    ]);
    assert.deepEqual(await read(readFileSync(`${dir}/t.tar`)), found);
  });
});
