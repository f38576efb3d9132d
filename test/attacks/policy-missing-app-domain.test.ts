/** An assertion without app_domain counts in every program that reads KeyNote, and one that hides it behind a constant says nothing. */
import { DOMAIN, refusesToSign, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: missing app_domain', async (scene) => {
  const head = `Authorizer: "roots"\nLicensees: ${who(scene.mallory)}\n`;
  for (const conditions of [
    `${UNTIL}`,
    `!(${DOMAIN}) && ${UNTIL}`,
    `(${DOMAIN} || name == "x") && ${UNTIL}`,
    `app_domain != "other" && ${UNTIL}`,
    `${DOMAIN} && ${UNTIL}; true && ${UNTIL}`,
  ])
    await refusesToSign(scene, `${head}Conditions: ${conditions};\n`, 'app-domain');
  await refusesToSign(
    scene,
    `Local-Constants: app_domain="gtpkg"\n${head}Conditions: ${DOMAIN} && ${UNTIL};\n`,
    'constant',
  );
});
