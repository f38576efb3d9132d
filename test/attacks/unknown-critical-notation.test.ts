/** Unknown critical notation: the signer set a condition that must be understood, and is not. */
import assert from 'node:assert/strict';
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack } from './scene.js';

attack('unknown critical notation in the signature of a root', async (scene) => {
  const root = await forgedSigner(await makeKey({ date: new Date(Date.now() - 60_000) }));
  const index = await scene.index({ roots: [root] });
  const notation = { name: 'only@example.org', value: Buffer.from('drafts'), humanReadable: true };
  const saying = (critical: boolean) =>
    root.saying({ set: { rawNotations: [{ ...notation, critical }] } as never });
  const chain = index.chain.branch();
  await chain.commit({ signers: [saying(true)] });
  const { message } = await index.refused('SIGNATURE_MALFORMED', { chain });
  assert.match(message, /only@example\.org/);
  // one that may be ignored is ignored
  await index.commit({ signers: [saying(false)] });
  await index.accepted();
});
