/** Licensees or Conditions that are missing mean yes to everybody and everything (RFC 2704): who is made to sign such a thing refuses. */
import { DOMAIN, refusesToSign, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: missing Licensees or Conditions', async (scene) => {
  await refusesToSign(scene, `Authorizer: "roots"\nConditions: ${DOMAIN} && ${UNTIL};\n`, 'licensees');
  await refusesToSign(scene, `Authorizer: "roots"\nLicensees: ${who(scene.mallory)}\n`, 'conditions');
  await refusesToSign(scene, 'Authorizer: "roots"\n', 'conditions');
});
