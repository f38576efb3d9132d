/** An index commit that nobody signed, or with the signature of another commit. */
import { attack } from './scene.js';

const SIGNATURE = /gpgsig [^]*?-----END PGP SIGNATURE-----\n/;

attack('unsigned commit, and the signature of another one', async (scene) => {
  const index = await scene.index();
  const bare = index.chain.branch();
  await bare.commit({ signers: [scene.ada], unsigned: true });
  await index.refused('SIGNATURE_MISSING', { chain: bare });
  const other = index.chain.branch();
  await other.commit({ signers: [scene.ada], files: { 'suites/stable/all/00/0': undefined } });
  const [signature = ''] = SIGNATURE.exec(other.tip.object.body.toString('latin1')) ?? [];
  const borrowed = index.chain.branch();
  await borrowed.commit({
    signers: [scene.ada],
    keys: [scene.mallory.publicKey],
    mangle: (body) =>
      Buffer.from(
        body.toString('latin1').replace(SIGNATURE, () => signature),
        'latin1',
      ),
  });
  await index.refused('SIGNATURE_BAD', { chain: borrowed });
});
