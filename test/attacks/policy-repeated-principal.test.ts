/** The same principal several times in k-of: one key plays two people, where the reference counts entries. */
import { by, DOMAIN, PolicyAttack, refusesToSign, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: the same principal twice in k-of', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  const m = who(scene.mallory);
  const conditions = `Conditions: ${DOMAIN} && ${UNTIL};`;
  const constants = `Local-Constants: A=${m} B=${m}\n`;
  await policy.publish([await by(scene.ada, `${constants}Licensees: 2-of(A,B)\n${conditions}`)]);
  await policy.refuses();
  for (const licensees of [
    `2-of(${m},${m})`,
    `3-of(${m},${m},${m},${who(scene.bob)})`,
    `2-of(${m},"pgp:${scene.mallory.fingerprint}")`,
  ]) {
    await policy.publish([await by(scene.ada, `Licensees: ${licensees}\n${conditions}`)]);
    await policy.refuses();
  }
  await refusesToSign(
    scene,
    `Authorizer: "roots"\nLicensees: 2-of(${m},${m})\n${conditions}\n`,
    'repeated-principal',
  );
});
