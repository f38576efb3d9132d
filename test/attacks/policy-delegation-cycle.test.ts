/** A delegation cycle: keys that vouch for each other, and none for whom a root does. */
import { by, DOMAIN, PolicyAttack, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: delegation cycle', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  const { mallory, carol } = scene;
  const to = (key: Parameters<typeof who>[0]): string =>
    `Licensees: ${who(key)}\nConditions: ${DOMAIN} && ${UNTIL};`;
  const cycle = [await by(mallory, to(carol)), await by(carol, to(mallory)), await by(mallory, to(mallory))];
  for (const order of [cycle, cycle.toReversed()]) {
    await policy.publish(order);
    await policy.refuses();
  }
});
