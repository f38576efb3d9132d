/** An object whose bytes are not its id: sent in a pack in place of the one that was signed, and put into a repository. */
import { mkdir, writeFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import assert from 'node:assert/strict';
import { Repository, hashObject } from '../../git/index.js';
import { tampered } from '../e2e/evil-release.js';
import { attack } from './scene.js';

attack('object whose bytes are not its id: in an index update and in a release', async (scene) => {
  const index = await scene.index();
  await index.commit({ keys: [scene.mallory.publicKey] });
  const chain = index.chain.branch();
  const distribution = [...chain.objects].find(([, { body }]) => body.includes('Sequence: 2\n'));
  assert.ok(distribution !== undefined);
  const [oid, { type, body }] = distribution;
  chain.objects.set(oid, {
    type,
    body: Buffer.from(body.toString().replace('Suites: stable', 'Suites: stable evil')),
  });
  await index.refused('INDEX_CORRUPT', { chain });
  const release = await tampered(scene.victim, ({ objects }) => {
    const at = objects.findIndex(
      ({ type: kind, body: bytes }) => kind === 'blob' && bytes.includes('Package: victim'),
    );
    objects[at] = { type: 'blob', body: Buffer.from('Package: victim\nVersion: 1.0\nArchitecture: all\n') };
  });
  await scene.refusesRelease(release, 'RELEASE_MALFORMED');
});

attack('object whose bytes are not its id: loose in a repository', async (scene) => {
  const dir = scene.path(scene.fresh('loose'));
  const repository = await Repository.init(dir);
  const oid = hashObject('blob', Buffer.from('honest'));
  await mkdir(`${dir}/objects/${oid.slice(0, 2)}`, { recursive: true });
  await writeFile(`${dir}/objects/${oid.slice(0, 2)}/${oid.slice(2)}`, deflateSync('blob 4\0evil'));
  await assert.rejects(repository.read(oid), { code: 'OBJECT_CORRUPT' });
});
