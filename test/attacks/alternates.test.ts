/** Alternates: `objects/info/alternates` makes git read objects from another directory. gtpkg's repositories hold their own, or nothing. */
import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { GtpkgError } from '../../model/index.js';
import { git, lacks } from '../git/support.js';
import { attack } from './scene.js';

attack(
  'alternates in the repository of an index',
  async (scene) => {
    const index = await scene.index();
    await index.lists(scene.victim);
    const repository = scene.path('client', 'sources', index.source, 'index.git');
    const elsewhere = scene.path(scene.fresh('elsewhere'));
    await mkdir(`${elsewhere}/pack`, { recursive: true });
    for (const name of readdirSync(`${repository}/objects/pack`))
      await rename(`${repository}/objects/pack/${name}`, `${elsewhere}/pack/${name}`);
    await mkdir(`${repository}/objects/info`, { recursive: true });
    await writeFile(`${repository}/objects/info/alternates`, `${elsewhere}\n`);
    git(repository, 'cat-file', '-e', index.chain.tip.oid); // git itself follows
    const error = await scene
      .refuses(() => scene.install(`victim@${index.source}`), ['OBJECT_CORRUPT', 'INDEX_CORRUPT'])
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof GtpkgError, String(error));
  },
  lacks('git'),
);
