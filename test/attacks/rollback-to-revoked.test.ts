/**
 * Rollback of a root used to bring back what is trusted no more: the way back goes by the root's history, and is judged by what is known today.
 * A release that was only delisted comes back; that of a compromised key, of a removed source, or against the user's policy does not.
 */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { changeRoot } from '../../cli/workflows/change.js';
import { goBack } from '../../cli/workflows/rollback.js';
import { addRule, dropRule, shunRule } from '../../cli/workflows/trust-rules.js';
import type { WayBack } from '../../cli/workflows/way-back.js';
import { readStatus } from '../../installer/index.js';
import { PublicKey } from '../../trust/index.js';
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack, shardOf } from './scene.js';

attack('rollback to a release that is not trusted any more', async (scene) => {
  const key = await makeKey({ date: new Date(Date.now() - 86_400_000) });
  const signer = await forgedSigner(key);
  const index = await scene.index({ roots: [scene.bob] });
  const release = await craft(scene.path('scratch'), program('relapse'), signer.at(new Date()));
  const entry = await index.entry(release);
  await index.commit({ files: shardOf([entry]), keys: [signer.publicKey] });
  await index.accepted();
  await scene.install(`relapse@${index.source}`);
  const remove = (): Promise<unknown> =>
    scene.with('client', (context) =>
      changeRoot(context, { kind: 'remove', words: ['relapse'], purge: true }, { dryRun: false }),
    );
  await remove();
  const back = (): Promise<WayBack> =>
    scene.with('client', (context) =>
      goBack(context, { kind: 'rollback', id: undefined }, { dryRun: false, purge: false }),
    );
  const isThere = (): boolean => readStatus(scene.path('client', 'root')).has('relapse');

  // the index lists it no more, and that is no reason
  await index.commit({
    files: Object.fromEntries(Object.keys(shardOf([entry])).map((path) => [path, undefined])),
  });
  await index.accepted();
  await back();
  assert.ok(isThere());
  await remove();

  const rule = shunRule(signer.fingerprint, [], '');
  await scene.with('client', (context) => addRule(context, rule, false));
  await scene.refuses(back, 'POLICY_REFUSED');
  await scene.with('client', (context) => dropRule(context, rule, false));

  const [source, elsewhere] = [scene.path('client', 'sources', index.source), join(scene.dir, 'elsewhere')];
  await rename(source, elsewhere);
  await scene.refuses(back, 'SOURCE_NOT_FOUND');
  await rename(elsewhere, source);

  // nobody has it any more
  const depot = await scene.depot();
  await depot.free([entry.pin.core.key]);
  const missing = await scene.refuses(back, ['OFFLINE', 'BLOCKS_MISSING', 'NO_PEER']);
  assert.equal(missing.exit, 6);
  assert.match(missing.message, /relapse 1\.0/);
  await depot.putStaticBytes(release.image);

  const { publicKey } = await openpgp.revokeKey({
    key: key.secret,
    reasonForRevocation: { flag: openpgp.enums.reasonForRevocation.keyCompromised, string: '' },
  });
  await index.commit({ keys: [await PublicKey.parse(publicKey)] });
  await index.accepted();
  const revoked = await scene.refuses(back, 'SIGNER_REVOKED');
  assert.match(revoked.hint ?? '', /not trusted today/);
  assert.ok(!isThere());
});
