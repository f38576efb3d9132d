/** A key with 10,000 signatures, which would cost a verification each: refused before the first. */
import assert from 'node:assert/strict';
import { armor } from '../../trust/armor.js';
import { bytesOf, makeKey } from '../trust/forge.js';
import { attack } from './scene.js';

attack('key with 10,000 signatures', async (scene) => {
  const index = await scene.index();
  const key = await makeKey();
  const bytes = await bytesOf(key.publicKey);
  const id = Buffer.from(key.fingerprint.slice(-16), 'hex');
  // version 4, positive certification, EdDSA, SHA-256; made now by the key itself; two numbers of one bit
  const hashed = Buffer.concat([Buffer.from([5, 2, 0x65, 0, 0, 0, 9, 16]), id]);
  const body = Buffer.concat([
    Buffer.from([4, 0x13, 22, 8, 0, hashed.length]),
    hashed,
    Buffer.from([0, 0, 0, 0, 0, 1, 1, 0, 1, 1]),
  ]);
  const packet = Buffer.concat([Buffer.from([0xc2, body.length]), body]);
  const many = (count: number): Buffer =>
    Buffer.from(armor('PUBLIC KEY BLOCK', Buffer.concat([bytes, ...Array<Buffer>(count).fill(packet)])));
  const started = performance.now();
  for (const count of [10_000, 1_000]) {
    const chain = index.chain.branch();
    await chain.commit({ signers: [scene.ada], files: { [`keys/${key.fingerprint}.asc`]: many(count) } });
    await index.refused('KEY_MALFORMED', { chain });
  }
  assert.ok(performance.now() - started < 20_000, 'it was refused by counting');
});
