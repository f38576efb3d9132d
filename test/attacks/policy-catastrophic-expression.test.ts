/** A regular expression that takes for ever elsewhere: here it takes a bounded number of steps, and stops only what its own index lists. */
import assert from 'node:assert/strict';
import { by, DOMAIN, PolicyAttack, UNTIL, who } from './policy-attack.js';
import { attack } from './scene.js';

attack('policy: catastrophic regular expression', async (scene) => {
  const policy = await PolicyAttack.make(scene);
  const head = `Licensees: ${who(scene.mallory)}\nConditions: ${DOMAIN} && ${UNTIL} && `;
  // exponential for a machine that tries one way after the other; linear here, and false
  await policy.publish([
    await by(scene.ada, `${head}(name . name . name) ~= "^(([a-z])+.)+[A-Z]([a-z])+$";`),
  ]);
  await policy.refuses();
  // so much of it that the bound is met: for Mallory's release alone, and at once
  const bomb = 'name ~= "(a?b?c?){120}!"';
  await policy.publish([
    await by(scene.ada, `${head}(${new Array<string>(3_000).fill(bomb).join(' || ')});`),
  ]);
  const started = process.cpuUsage();
  await policy.refuses();
  const { user } = process.cpuUsage(started);
  assert.ok(user < 60_000_000, `${user} µs`);
  await scene.install('hello@acme');
});
