/** Split view between two peers: each shows another state with one number, both signed. Who meets both sees it. */
import assert from 'node:assert/strict';
import { GtpkgError } from '../../model/index.js';
import { attack } from './scene.js';

attack('split view between two peers', async (scene) => {
  const peer = await scene.peer();
  const index = await scene.index();
  const [header, first] = (await index.log()).blocks as [Uint8Array, Uint8Array];
  const other = index.chain.branch();
  await index.commit();
  await other.commit({ signers: [scene.ada], keys: [scene.mallory.publicKey] });
  const view = async (chain = index.chain): Promise<Uint8Array> =>
    (await index.log({ chain })).blocks.at(-1) as Uint8Array;
  const [ourView, theirView] = [await view(), await view(other)];
  const name = scene.fresh('core');
  const [one, two] = [scene.path(scene.fresh('one')), scene.path(scene.fresh('two'))];
  const indexCore = await peer.call('append', one, name, [header, first, ourView]);
  assert.equal(await peer.call('append', two, name, [header, first, theirView]), indexCore);
  const introduction = { ...index.introduction, indexCore };
  const [ours, theirs] = [scene.roamer(), scene.roamer()];
  const trusted = async (client: typeof ours): Promise<string[]> =>
    (await scene.state(client.home)).filter((line) => line.includes('/state.json'));
  await ours.knows(introduction, await peer.call('serve', one));
  await theirs.knows(introduction, await peer.call('serve', two));
  // each of them sees nothing wrong
  for (const client of [ours, theirs]) assert.equal((await client.update()).update.sequence, 2);
  const before = await trusted(ours);
  await peer.call('stop', one);
  // two index cores of one length do not show it: the next state on either does
  await other.commit({ signers: [scene.ada] });
  await peer.call('append', two, name, [await view(other)]);
  await ours.knows(introduction, await peer.call('serve', two));
  let refusal: unknown;
  for (let i = 0; i < 10 && refusal === undefined; i++)
    await ours.update().catch((error: unknown) => void (refusal = error));
  assert.ok(refusal instanceof GtpkgError && refusal.code === 'INDEX_EQUIVOCATION', String(refusal));
  assert.deepEqual(await trusted(ours), before);
  await peer.call('stop', two);
  // and by what the roots signed, whichever way it came
  await index.accepted();
  await index.refused('INDEX_EQUIVOCATION', { chain: other });
});
