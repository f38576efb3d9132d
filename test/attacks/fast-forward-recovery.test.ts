/** Recovery from fast-forward: thieves of enough keys led clients ahead; once the keys are known to be stolen, the honest line counts again. */
import assert from 'node:assert/strict';
import { attack } from './scene.js';

attack('fast-forward, and recovery from it after a root rotation', async (scene) => {
  const { ada, bob, carol, mallory } = scene;
  const index = await scene.index({ roots: [ada, bob, carol, mallory], threshold: 2 });
  // with the stolen keys of Ada and Bob: four states ahead
  const stolen = index.chain.branch();
  for (let i = 0; i < 4; i++) await stolen.commit({ signers: [ada, bob] });
  await index.accepted({ chain: stolen });
  assert.equal(await index.trusted(), 5);
  // without proof of the theft, the honest owners look like equivocators
  const authorizations = {
    threshold: 2,
    since: 2,
    roots: [carol, mallory].map(({ fingerprint }) => fingerprint).sort(),
  };
  const mute = index.chain.branch();
  await mute.commit({ signers: [carol, mallory], authorizations });
  const other = await index.again();
  await other.accepted({ chain: stolen });
  await other.refused('INDEX_EQUIVOCATION', { chain: mute });
  // with it, the client comes back, though the number falls, and does not follow the thieves again
  const signers = [carol, mallory];
  await index.commit({ signers, keys: [await ada.revoked(), await bob.revoked()], authorizations });
  await index.accepted();
  assert.equal(await index.trusted(), 2);
  await index.refused(['INDEX_NOT_DESCENDANT', 'SIGNER_REVOKED', 'INDEX_EQUIVOCATION'], { chain: stolen });
  await index.commit({ signers });
  await index.accepted();
});
