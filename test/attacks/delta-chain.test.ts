/** Delta chain of 10,000: each object needs the one before. From outside no delta is taken; in a repository, no chain without end. */
import { mkdir, writeFile } from 'node:fs/promises';
import { GtpkgError } from '../../model/index.js';
import { Repository } from '../../git/index.js';
import { encodeRecord } from '../../index-repo/index.js';
import assert from 'node:assert/strict';
import { hashObject } from '../../git/index.js';
import { git, lacks } from '../git/support.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import { deltaChain, withDelta } from './raw-pack.js';
import { attack } from './scene.js';

attack('delta chain of 10,000 in an index update and in a release', async (scene) => {
  const chain = deltaChain(10_000);
  const index = await scene.index();
  await index.commit();
  const { oid: commit } = index.chain.tip;
  const log = await index.log();
  const pack = { cores: [await log.putCore(chain)] };
  const record = {
    kind: 'snapshot',
    commit,
    anchor: commit,
    sequence: 2,
    snapshotDistance: 0,
    pack,
  } as const;
  log.blocks[log.length - 1] = encodeRecord(record);
  await scene.refuses(() => index.sync(log), 'PACK_MALFORMED');
  await scene.refusesRelease(forgedRelease(await forge(scene.ada, { pack: withDelta })), 'PACK_MALFORMED');
});

attack(
  'delta chain of 10,000 in a repository that plain git took in',
  async (scene) => {
    const dir = scene.path(scene.fresh('deltas'));
    await mkdir(dir);
    git(dir, 'init', '-q', '--bare', '.');
    await writeFile(`${dir}/objects/pack/x.pack`, deltaChain(10_000));
    git(dir, 'index-pack', 'objects/pack/x.pack');
    const repository = await Repository.open(dir);
    const at = (i: number): string => String(i).padStart(16, '0');
    assert.equal(
      (await repository.read(hashObject('blob', Buffer.from(at(100))))).body.toString(),
      at(100),
      'a long one is read',
    );
    await assert.rejects(
      repository.read(hashObject('blob', Buffer.from(at(9_999)))),
      (error) => error instanceof GtpkgError && error.code === 'OBJECT_CORRUPT',
    );
  },
  lacks('git'),
);
