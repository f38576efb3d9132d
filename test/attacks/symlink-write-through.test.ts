/** Symbolic link, then a write through it: in one package, and in two of which one brings the link. */
import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { craftFrom } from '../e2e/evil-release.js';
import { debs, file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('symbolic link, then a write through it: in one package', async (scene) => {
  await debs(scene, [
    [
      { name: './usr/out', type: '2', link: '/tmp' },
      { name: './usr/out/escaped', body: 'x' },
    ],
    [
      { name: './usr/bin', type: '2', link: '/tmp' },
      { name: './usr/bin/escaped', body: 'x' },
    ],
    [
      { name: './usr/x', type: '2', link: '/etc/passwd' },
      { name: './usr/x', body: 'x' },
    ],
  ]);
  await manifests(scene, [
    ['l 0777 root root 0 0 - /etc a', file('a/passwd')],
    [file('a'), file('a/b')],
  ]);
});

attack('symbolic link, then a write through it: by two packages', async (scene) => {
  const outside = scene.path(scene.fresh('outside'));
  await mkdir(outside);
  const release = async (name: string, populate: (data: string) => Promise<unknown>) => {
    const at = scene.path(scene.fresh(name));
    await mkdir(`${at}/data/opt`, { recursive: true });
    await writeFile(
      `${at}/control`,
      `Package: ${name}\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: ${name}\n`,
    );
    await populate(`${at}/data/opt`);
    return craftFrom(scene.path('scratch'), at, scene.ada);
  };
  const index = await scene.index();
  await index.lists(
    await release('linker', (data) => symlink(outside, `${data}/door`)),
    await release('writer', async (data) => {
      await mkdir(`${data}/door`);
      await writeFile(`${data}/door/escaped`, 'x');
    }),
  );
  await scene.install(`linker@${index.source}`);
  // links are followed inside the root only, as if it were / : what is outside of it gets nothing, whatever becomes of the install
  await scene.install(`writer@${index.source}`).catch(() => undefined);
  assert.deepEqual(await readdir(outside), []);
});
