/** Extraneous dependencies: a package is made to bring in others, or to leave some out, that its maker never named. */
import assert from 'node:assert/strict';
import { Paragraph, controlFrom, type Control } from '../../model/index.js';
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { attack, shardOf } from './scene.js';

const saying = (control: Control, fields: Readonly<Record<string, string>>): Control => {
  const paragraph = Paragraph.of([...control.fields.entries(), ...Object.entries(fields)]);
  return controlFrom(paragraph, 'a lie');
};

attack('extraneous dependencies: by a mirror', async (scene) => {
  const index = await scene.index();
  await index.commit({ files: shardOf([await index.entry(scene.victim)]) });
  const chain = index.chain.branch();
  for (const [oid, { type, body }] of chain.objects)
    if (type === 'blob' && body.includes('Package: victim\n')) {
      const text = body.toString().replace('Package: victim\n', 'Package: victim\nDepends: trojan\n');
      chain.objects.set(oid, { type, body: Buffer.from(text) });
    }
  await index.refused('INDEX_CORRUPT', { chain });
});

attack(
  'extraneous dependencies: by a root, who lists a release as saying what it does not say',
  async (scene) => {
    const trojan = await craft(scene.path('scratch'), program('trojan'), scene.ada);
    const lies: readonly (readonly [field: string, value: string])[] = [
      ['Depends', 'trojan'],
      ['Provides', 'libsafe'],
      ['Essential', 'yes'],
      ['Description', 'good'],
    ];
    for (const [field, value] of lies) {
      const index = await scene.index();
      await index.lists(
        { ...scene.victim, control: saying(scene.victim.control, { [field]: value }) },
        trojan,
      );
      const { data } = await scene.refuses(() => scene.install(`victim@${index.source}`), 'RELEASE_MISMATCH');
      assert.deepEqual(data['fields'], [field]);
    }
  },
);
