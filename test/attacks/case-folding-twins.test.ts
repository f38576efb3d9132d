/** Case-folding twins: two names that are one on some file systems, so that one takes the other's place. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { craftFrom } from '../e2e/evil-release.js';
import { rootState } from '../e2e/scene.js';
import { attack, type Scene } from './scene.js';

/** A program, and its twin with other contents. */
async function twins(scene: Scene): Promise<string> {
  const at = scene.path(scene.fresh('twins'));
  await mkdir(`${at}/data/opt/Tool`, { recursive: true });
  await mkdir(`${at}/data/opt/tool`);
  await writeFile(`${at}/data/opt/Tool/run`, 'honest');
  await writeFile(`${at}/data/opt/tool/run`, 'other');
  await writeFile(
    `${at}/control`,
    'Package: twins\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: twins\n',
  );
  const index = await scene.index();
  await index.lists(await craftFrom(scene.path('scratch'), at, scene.ada));
  return `twins@${index.source}`;
}

attack('case-folding twins: each keeps its own contents, or neither is installed', async (scene) => {
  const word = await twins(scene);
  const root = scene.path('client', 'root');
  // does this file system fold? Then the second of them finds its place taken, and the transaction is undone
  await writeFile(scene.path('Probe'), '');
  const folds = await stat(scene.path('probe')).then(
    () => true,
    () => false,
  );
  if (folds) {
    const before = await rootState(root);
    await assert.rejects(scene.install(word), { code: 'ROOT_OBSTRUCTED' });
    assert.deepEqual(await rootState(root), before);
    return;
  }
  await scene.install(word);
  assert.deepEqual((await readdir(`${root}/opt`)).filter((name) => /^tool$/i.test(name)).sort(), [
    'Tool',
    'tool',
  ]);
  assert.equal(await readFile(`${root}/opt/Tool/run`, 'utf8'), 'honest');
  assert.equal(await readFile(`${root}/opt/tool/run`, 'utf8'), 'other');
});
