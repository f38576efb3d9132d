/** A name that git or some file system takes for something else: refused in the trees of an index and of a release, encoded in a package's files. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { parseTree } from '../../git/index.js';
import type { Oid, Sha256 } from '../../model/index.js';
import { deb } from '../e2e/evil-deb.js';
import { git, lacks } from '../git/support.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import type { Scene } from './scene.js';

/** The tree with one entry more, in the place that git's order gives it. */
function withEntry(tree: Buffer, name: string, oid: string): Buffer {
  const entries = [...parseTree(tree), { mode: '100644', name, oid }];
  const place = (entry: { mode: string; name: string }): Buffer =>
    Buffer.from(entry.name + (entry.mode === '40000' ? '/' : ''), 'latin1');
  return Buffer.concat(
    entries
      .sort((a, b) => Buffer.compare(place(a), place(b)))
      .flatMap((each) => [
        Buffer.from(`${each.mode} ${each.name}\0`, 'latin1'),
        Buffer.from(each.oid, 'hex'),
      ]),
  );
}

export async function hostileName(scene: Scene, name: string): Promise<void> {
  // signed by a root: an index whose tree has such an entry
  const index = await scene.index();
  const chain = index.chain.branch();
  const blob = chain.put('blob', Buffer.from('[core]\n\tfsmonitor = touch /tmp/owned\n'));
  const tree = (honest: Oid): Oid =>
    chain.put('tree', withEntry(chain.objects.get(honest)?.body ?? assert.fail(), name, blob));
  await chain.commit({ signers: [scene.ada], tree, message: { tree: '0'.repeat(64) as Sha256 } });
  await index.refused('OBJECT_CORRUPT', { chain });
  // signed by a maintainer: a release whose tree has one
  const release = await forge(scene.ada, { rootTree: (body) => withEntry(body, name, blob) });
  await scene.refusesRelease(forgedRelease(release), ['OBJECT_CORRUPT', 'RELEASE_MALFORMED']);
}

/** A package may hold a file of that name: git sees another one, and a clone can be checked out anywhere. */
export async function tamedName(scene: Scene, name: string): Promise<void> {
  const own = scene.fresh('tamed');
  const path = scene.path(`${own}.deb`);
  const data = [
    { name: './', type: '5' },
    { name: `./${name}`, body: 'x' },
  ];
  await writeFile(path, deb(own, { data }));
  await scene.publish(path);
  if (lacks('git') !== false) return;
  const repository = scene.path('publisher', 'packages', `${own}.git`);
  git(repository, 'fsck', '--full', '--strict');
  const names = git(repository, 'ls-tree', '-r', '-z', '--name-only', 'HEAD').split('\0');
  assert.ok(
    names.some((each) => /^data\/.*%[0-9A-F]{2}/.test(each)),
    names.join(' '),
  );
  assert.ok(!names.includes(`data/${name}`));
}
