/** A key that has expired or was revoked goes on delegating; its signature is from when it was good. */
import assert from 'node:assert/strict';
import { makeSigner } from '../index-repo/support.js';
import { by, DOMAIN, PolicyAttack, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: delegation by a key that has expired', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  const dave = await makeSigner('Dave', { expiresIn: 10 * 86_400 });
  const conditions = `Conditions: ${DOMAIN} && ${UNTIL};`;
  const chain = [
    await by(scene.ada, `Licensees: ${who(dave)}\n${conditions}`),
    await by(dave, `Licensees: ${who(scene.mallory)}\n${conditions}`),
  ];
  await policy.index.commit({ keys: [dave.publicKey] });
  await policy.publish(chain);
  assert.equal(await policy.value('hello'), 'auto');
  const later = new Date(Date.now() + 11 * 86_400_000);
  await scene.refuses(() => scene.install(`hello@${policy.index.source}`, later), 'POLICY_REFUSED');
});
