/** Truncated index core: whoever has its transport key cuts it and writes on otherwise. A client that knows more does not follow. */
import assert from 'node:assert/strict';
import { attack } from './scene.js';

attack('truncated index core', async (scene) => {
  const peer = await scene.peer();
  const index = await scene.index();
  const [header, first] = (await index.log()).blocks as [Uint8Array, Uint8Array];
  await index.commit();
  const second = (await index.log()).blocks.at(-1) as Uint8Array;
  const home = scene.path(scene.fresh('peer'));
  const name = scene.fresh('core');
  const indexCore = await peer.call('append', home, name, [header, first, second]);
  const client = scene.roamer();
  await client.knows({ ...index.introduction, indexCore }, await peer.call('serve', home));
  assert.equal((await client.update()).update.sequence, 2);
  const before = await scene.state(client.home);

  await peer.call('rewrite', home, name, 2, []);
  await client.knows({ ...index.introduction, indexCore }, await peer.call('serve', home));
  const cut = await client.update();
  assert.deepEqual([cut.update.changed, cut.update.sequence], [false, 2]);
  // and written on, longer than before, with a state that the roots did sign
  await index.commit();
  const third = (await index.log()).blocks.at(-1) as Uint8Array;
  await peer.call('rewrite', home, name, 2, [third, third, third]);
  const address = await peer.call('serve', home);
  await client.knows({ ...index.introduction, indexCore }, address);
  const after = await client.update().catch((error: { code: string }) => error.code);
  assert.ok(
    after === 'INDEX_EQUIVOCATION' || (typeof after === 'object' && !after.update.changed),
    JSON.stringify(after),
  );
  const same = (lines: readonly string[]): string[] => lines.filter((line) => !line.includes('/source.json'));
  assert.deepEqual(same(await scene.state(client.home)), same(before));
  await peer.call('stop', home);
});
