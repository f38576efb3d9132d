/** A regular expression that is not anchored also fits within longer names: "openssl" lets evil-openssl-free through. */
import { DOMAIN, refusesToSign, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: unanchored regular expression', async (scene) => {
  for (const expression of ['openssl', '^openssl', 'openssl$', '^openssl$|libssl', '(^a)?b$', '^a\\\\$'])
    await refusesToSign(
      scene,
      `Authorizer: "roots"\nLicensees: ${who(scene.mallory)}\nConditions: ${DOMAIN} && name ~= "${expression}" && ${UNTIL};\n`,
      'unanchored',
    );
});
