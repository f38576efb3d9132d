/**
 * A maintainer who may release a package, but nothing that lends rights, brings a set-uid program. The index entry does not tell; the manifest,
 * which it names, does.
 */
import assert from 'node:assert/strict';
import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProgram } from '../../cli/demo/packages.js';
import { craft, craftFrom, type Crafted } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { by, DOMAIN, PolicyAttack, UNTIL, who } from './policy-attack.js';
import { attack, type Scene } from './scene.js';

async function lending(scene: Scene, name: string, mode: number): Promise<Crafted> {
  const directory = await writeProgram(await mkdtemp(scene.path('scratch-')), program(name));
  await chmod(join(directory, 'data', 'usr', 'bin', name), mode);
  return craftFrom(scene.path('scratch'), directory, scene.mallory);
}

attack('policy: a set-uid program by a maintainer who may not release any', async (scene) => {
  const { ada, mallory } = scene;
  const policy = await PolicyAttack.make(scene);
  const rights = { elevate: 0o4755, regroup: 0o2755 };
  const evil = await Promise.all(Object.entries(rights).map(([name, mode]) => lending(scene, name, mode)));
  await policy.index.lists(await craft(scene.path('scratch'), program('plain'), mallory), ...evil);
  const install = (name: string): Promise<unknown> => scene.install(`${name}@${policy.index.source}`);
  const may = `Licensees: ${who(mallory)}\nConditions: ${DOMAIN} && ${UNTIL} && rights == "";`;
  await policy.publish([
    await by(ada, may),
    // a constant of her own hides nothing from what Ada says
    await by(mallory, `Local-Constants: rights=""\n${may}`),
  ]);
  for (const [name, what] of [
    ['elevate', 'set-uid'],
    ['regroup', 'set-gid'],
  ] as const) {
    assert.equal(await policy.value(name), 'auto');
    const error = await scene.refuses(() => install(name), 'POLICY_REFUSED');
    assert.deepEqual(error.data['attributes'], { scripts: 'no', rights: what });
  }
  // she may release set-gid programs, and tries one that runs as root
  await policy.publish([await by(ada, may.replace('rights == ""', 'rights ~= "^(set-gid)?$"'))]);
  await scene.refuses(() => install('elevate'), 'POLICY_REFUSED');
  // what lends nothing is hers to release
  await install('plain');
});
