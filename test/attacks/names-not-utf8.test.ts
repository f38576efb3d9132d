/** Names that are not UTF-8: two that look alike must stay two, and none may be spelled in two ways. */
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { craftFrom } from '../e2e/evil-release.js';
import { file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('names that are not UTF-8: installed byte by byte', async (scene) => {
  const at = scene.path(scene.fresh('bytes'));
  await mkdir(`${at}/data/opt/bytes`, { recursive: true });
  const names = ['caf\xe9', 'caf\xc3\xa9', 'caf\xff', 'caf\xef\xbf\xbd'].map((name) =>
    Buffer.from(name, 'latin1'),
  );
  for (const name of names)
    await writeFile(Buffer.concat([Buffer.from(`${at}/data/opt/bytes/`), name]), name);
  await writeFile(
    `${at}/control`,
    'Package: bytes\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: bytes\n',
  );
  const index = await scene.index();
  await index.lists(await craftFrom(scene.path('scratch'), at, scene.ada));
  await scene.install(`bytes@${index.source}`);
  const placed = await readdir(scene.path('client', 'root', 'opt', 'bytes'), { encoding: 'buffer' });
  assert.deepEqual(placed.map(String).sort(), names.map(String).sort());
  assert.deepEqual(placed.sort(Buffer.compare), [...names].sort(Buffer.compare));
});

attack('names that are not UTF-8: one spelling in a manifest', async (scene) => {
  await manifests(scene, [
    [file('\xff')],
    [file('\xc0\xaf')],
    [file('\xed\xa0\x80')],
    [file('%C3%A9')],
    [file('%61')],
    [file('a%00b')],
    [file('a%2Fb')],
  ]);
});
