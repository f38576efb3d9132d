/** Huge packet: a signature or a key that claims, or has, more bytes than there is memory for. */
import { limits } from '../../model/index.js';
import { armor } from '../../trust/armor.js';
import { attack } from './scene.js';

attack('huge packet: a signature of half a megabyte, and one that claims four gigabytes', async (scene) => {
  const index = await scene.index();
  const claim = Buffer.from([0xc2, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0]);
  const cases = [
    [Buffer.concat([claim, Buffer.alloc(400)]), 'SIGNATURE_MALFORMED'],
    [Buffer.alloc(limits.MAX_SIGNATURE, 0xc2), 'SIGNATURE_MALFORMED'],
    [Buffer.alloc(limits.MAX_INDEX_COMMIT, 0xc2), ['LIMIT_EXCEEDED', 'SIGNATURE_MALFORMED']],
  ] as const;
  for (const [bytes, code] of cases) {
    const header = `gpgsig ${armor('SIGNATURE', bytes).trimEnd().replaceAll('\n', '\n ')}\n`;
    const chain = index.chain.branch();
    await chain.commit({
      signers: [scene.ada],
      mangle: (body) =>
        Buffer.from(
          body.toString('latin1').replace(/gpgsig [^]*?END PGP SIGNATURE-----\n/, () => header),
          'latin1',
        ),
    });
    await index.refused(code, { chain });
  }
});

attack('huge packet: a key file of more than a megabyte', async (scene) => {
  const index = await scene.index();
  const { fingerprint } = scene.mallory;
  const chain = index.chain.branch();
  await chain.commit({
    signers: [scene.ada],
    files: { [`keys/${fingerprint}.asc`]: Buffer.alloc(limits.MAX_PUBLIC_KEY + 1, 'A') },
  });
  await index.refused('LIMIT_EXCEEDED', { chain });
});
