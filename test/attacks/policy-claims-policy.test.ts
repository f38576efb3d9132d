/** A remote assertion claims to be "POLICY", which only the user's own file may: unsigned, signed by a stranger, by a root, or as a local requirement. */
import assert from 'node:assert/strict';
import { principalOf } from '../../trust/keynote/index.js';
import { by, DOMAIN, PolicyAttack, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: an index says what only "POLICY" may', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  const rest = `Licensees: ${who(scene.mallory)}\nConditions: ${DOMAIN} && ${UNTIL};`;
  const signature = /Signature: .*\n/.exec(await by(scene.ada, rest))?.[0] ?? assert.fail();
  for (const assertion of [
    `Authorizer: "POLICY"\n${rest}\n`,
    `Authorizer: "POLICY"\n${rest}\n${signature}`,
    `Local-Constants: ROOT="POLICY"\nAuthorizer: ROOT\n${rest}\n${signature}`,
    `Authorizer: "source:${policy.index.source}"\n${rest}\n`,
    `Authorizer: "listed"\n${rest}\n`,
    // a root's name, and nobody's or a stranger's signature
    `Authorizer: "${principalOf(scene.ada.fingerprint)}"\n${rest}\n`,
    (await by(scene.mallory, rest)).replace(who(scene.mallory), who(scene.ada)),
    (await by(scene.mallory, rest)).replace(`Authorizer: ${who(scene.mallory)}`, 'Authorizer: "POLICY"'),
  ]) {
    await policy.publish([assertion]);
    await policy.refuses();
  }
});
