/** A revoked root or maintainer, whatever the reason that was given, signs on with dates from before. */
import * as openpgp from 'openpgp';
import { PublicKey } from '../../trust/index.js';
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import type { Scene } from './scene.js';

const DAY = 86_400_000;

/** Both are refused: a state of the index and a release, each with a date from before the revocation. */
export async function signsOn(scene: Scene, flag: openpgp.enums.reasonForRevocation): Promise<void> {
  const ago = (days: number): Date => new Date(Date.now() - days * DAY);
  const key = await makeKey({ date: ago(20) });
  const signer = await forgedSigner(key);
  const index = await scene.index({ roots: [signer, scene.bob] });
  const release = await craft(scene.path('scratch'), program('relic'), signer.at(ago(15)));
  await index.lists(release);
  await index.commit({ signers: [scene.bob], keys: [signer.publicKey] });
  await index.accepted();
  const { publicKey } = await openpgp.revokeKey({
    key: key.secret,
    reasonForRevocation: { flag, string: '' },
    date: ago(5),
  });
  await index.commit({ signers: [scene.bob], keys: [await PublicKey.parse(publicKey)] });
  await index.accepted();
  for (const date of [ago(15), new Date()]) {
    const chain = index.chain.branch();
    await chain.commit({ signers: [signer.at(date)] });
    await index.refused('SIGNER_REVOKED', { chain });
  }
  await scene.refuses(() => scene.install(`relic@${index.source}`), 'SIGNER_REVOKED');
}
