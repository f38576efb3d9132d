/** Endless data: a peer that has the transport key sends, or promises, more than anybody can hold. */
import assert from 'node:assert/strict';
import { encodeRecord } from '../../index-repo/index.js';
import { limits } from '../../model/index.js';
import { attack } from './scene.js';

attack('endless data: blocks without end, and cores of a terabyte', async (scene) => {
  const peer = await scene.peer();
  const index = await scene.index();
  const [header, first] = (await index.log()).blocks as [Uint8Array, Uint8Array];
  await index.commit();
  const { oid: commit } = index.chain.tip;
  const terabyte = { key: index.introduction.indexCore, byteLength: 2 ** 40 };
  const promise = encodeRecord({
    kind: 'snapshot',
    commit,
    anchor: commit,
    sequence: 2,
    snapshotDistance: 0,
    pack: { cores: [terabyte] },
  });
  const home = scene.path(scene.fresh('peer'));
  const name = scene.fresh('core');
  const indexCore = await peer.call('append', home, name, [header, first]);
  const client = scene.roamer();
  const meet = async (): Promise<void> =>
    void (await client.knows({ ...index.introduction, indexCore }, await peer.call('serve', home)));
  await meet();
  assert.equal((await client.update()).update.sequence, 1);
  const state = async (): Promise<string[]> =>
    (await scene.state(client.home)).filter((line) => !line.includes('/source.json'));
  const before = await state();
  for (const block of [Buffer.alloc(limits.MAX_INDEX_BLOCK + 1, 'x'), promise]) {
    await peer.call('append', home, name, [block]);
    await meet();
    await assert.rejects(client.update(), { code: 'LIMIT_EXCEEDED' });
    assert.deepEqual(await state(), before);
  }
  await peer.call('stop', home);
});

attack('endless data: an index commit without end', async (scene) => {
  const index = await scene.index();
  const chain = index.chain.branch();
  await chain.commit({
    signers: [scene.ada],
    mangle: (body) => Buffer.concat([body, Buffer.alloc(limits.MAX_INDEX_COMMIT, 'x\n')]),
  });
  await index.refused('LIMIT_EXCEEDED', { chain });
  const many = index.chain.branch();
  await many.commit({
    signers: [scene.ada],
    files: { authorizations: Buffer.alloc(limits.MAX_INDEX_FILE + 1, 'x') },
  });
  await index.refused('LIMIT_EXCEEDED', { chain: many });
});
