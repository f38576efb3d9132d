/** A delegation that never ends outlives every reason for it; and one that has ended counts no more. */
import { by, DOMAIN, PolicyAttack, refusesToSign, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: date without a bound', async (scene) => {
  const head = `Authorizer: "roots"\nLicensees: ${who(scene.mallory)}\n`;
  for (const date of [
    'true',
    'date > "20200101000000"',
    'date < "soon"',
    'date < version',
    '!(date < "20280101000000")',
  ])
    await refusesToSign(scene, `${head}Conditions: ${DOMAIN} && ${date};\n`, 'date');
});

attack('policy: a delegation that has ended', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  await policy.publish([
    await by(
      scene.ada,
      `Licensees: ${who(scene.mallory)}\nConditions: ${DOMAIN} && date < "20200101000000";`,
    ),
  ]);
  await policy.refuses();
});
