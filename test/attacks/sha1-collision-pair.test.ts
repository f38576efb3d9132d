/**
 * SHA-1 collision pair: two contents with one SHA-1. The pair is that of SHAttered (Stevens, Bursztein, Karpman, Albertini, Markov, 2017). As git
 * puts a header before what it hashes, no pair of colliding git objects is known yet: there, what a collision would be is shown by giving
 * the trust machine other bytes under a signed id.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { TrustedIndex } from '../../index-repo/index.js';
import { hashBlob } from '../../git/index.js';
import { introduce } from '../index-repo/support.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

const PREFIX =
  '255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033203020522f547970652034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f7253706163652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01';
const TWINS = [
  '7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530afedfb76038e972722fe7ad728f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1',
  '7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1',
].map((block) => Buffer.from(PREFIX + block, 'hex')) as [Buffer, Buffer];

attack('SHA-1 collision pair: one for the other in the payload of a release', async (scene) => {
  const [good, evil] = TWINS;
  const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');
  assert.equal(sha1(good), sha1(evil));
  assert.ok(!good.equals(evil));
  const [signed, other] = [hashBlob(good), hashBlob(evil)];
  assert.notEqual(signed.sha256, other.sha256);
  const release = await forge(scene.ada, {
    contents: { a: good, b: 'world' },
    payload: (whole) => Buffer.concat([evil, whole.subarray(evil.length)]),
  });
  await scene.refusesRelease(forgedRelease(release), 'PAYLOAD_CORRUPT');
});

attack('SHA-1 collision pair: other objects under signed ids in an index', async (scene) => {
  const index = await scene.index();
  await index.lists(scene.victim);
  const { chain } = index;
  const start = TrustedIndex.start(introduce(index.introduction.roots));
  const honest = chain.update();
  const oids = [...chain.objects].filter(
    ([, { type, body }]) => type === 'blob' && /^(Format|Package): /.test(body.toString('latin1', 0, 16)),
  );
  assert.ok(oids.length >= 3);
  for (const [oid, { type, body }] of oids) {
    const twin = { type, body: Buffer.concat([body.subarray(0, -1), Buffer.from('\nX-Evil: yes\n')]) };
    const lookup = (wanted: string) => (wanted === oid ? twin : chain.objects.get(wanted as never));
    const evil = index.chain.branch();
    evil.objects.set(oid, twin);
    await assert.rejects(start.update({ ...evil.update(), lookup }), (error: { code: string }) =>
      ['INDEX_CORRUPT', 'INDEX_MALFORMED'].includes(error.code),
    );
  }
  assert.equal(start.head, undefined);
  assert.equal((await start.update(honest)).head?.sequence, 2);
});
