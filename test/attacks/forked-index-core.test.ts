/** Forked index core: two index cores under one transport key. Proof of it is kept, and the core is not used any more. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { GtpkgError } from '../../model/index.js';
import { attack } from './scene.js';

attack('forked index core', async (scene) => {
  const peer = await scene.peer();
  const index = await scene.index();
  const [header, first] = (await index.log()).blocks as [Uint8Array, Uint8Array];
  const [truth, lie] = [scene.path(scene.fresh('truth')), scene.path(scene.fresh('lie'))];
  const name = scene.fresh('core');
  const indexCore = await peer.call('append', truth, name, [header, first]);
  const junk = Buffer.from('Format: gtpkg-index-record 1\n\n');
  assert.equal(await peer.call('append', lie, name, [header, junk, junk, junk]), indexCore);
  const introduction = { ...index.introduction, indexCore };
  const client = scene.roamer();
  await client.knows(introduction, await peer.call('serve', truth));
  assert.equal((await client.update()).update.sequence, 1);
  const state = async (): Promise<string[]> =>
    (await scene.state(client.home)).filter((line) => !line.includes('/source.json'));
  const before = await state();
  await peer.call('stop', truth);
  await client.knows(introduction, await peer.call('serve', lie));
  // the peer's answer may come after the first look
  let refusal: unknown;
  for (let i = 0; i < 10 && refusal === undefined; i++) {
    const done = await client.update().catch((error: unknown) => void (refusal = error));
    assert.ok(done === undefined || !done.update.changed);
  }
  assert.ok(refusal instanceof GtpkgError && refusal.code === 'INDEX_EQUIVOCATION', String(refusal));
  assert.deepEqual(await state(), before);
  const proof = await readFile(scene.path(client.home, 'evidence', `${indexCore}.json`), 'utf8');
  assert.equal((JSON.parse(proof) as { core: string }).core, indexCore);
  await peer.call('stop', lie);
});
