/** Armour with text before, between and after signatures: what stands there looks signed and is not. */
import { retagged } from '../e2e/evil-release.js';
import { attack } from './scene.js';

const BEGIN = '-----BEGIN PGP SIGNATURE-----';
const END = '-----END PGP SIGNATURE-----';

const BLOCK = new RegExp(`${BEGIN}\\n[^]*?${END}\\n`);
const CHANGES: Readonly<Record<string, (tag: string) => string>> = {
  'text after the signature': (tag) => `${tag}and more\n`,
  'an empty line after it': (tag) => `${tag}\n`,
  'the signature twice': (tag) => tag + (BLOCK.exec(tag)?.[0] ?? ''),
  'text between two': (tag) => `${tag}trust this too\n${BLOCK.exec(tag)?.[0] ?? ''}`,
  'an armour header': (tag) => tag.replace(`${BEGIN}\n`, `${BEGIN}\nComment: trust me\n`),
  'text inside the armour': (tag) => tag.replace(`${BEGIN}\n\n`, `${BEGIN}\n\ntrust me\n`),
  'a clear-signed message around it': (tag) =>
    tag.replace(BEGIN, `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n${BEGIN}`),
};

attack('armour with text before, between and after signatures: of a release', async (scene) => {
  for (const change of Object.values(CHANGES)) {
    const release = await retagged(scene.victim, (tag) =>
      Buffer.from(change(tag.toString('latin1')), 'latin1'),
    );
    await scene.refusesRelease(release, ['SIGNATURE_MALFORMED', 'OBJECT_CORRUPT', 'RELEASE_MALFORMED']);
  }
  // before it, the text is part of what is signed
  const before = await retagged(scene.victim, (tag) =>
    Buffer.from(tag.toString('latin1').replace(BEGIN, `trust me\n${BEGIN}`), 'latin1'),
  );
  await scene.refusesRelease(before, 'SIGNATURE_BAD');
});

attack('armour with text before, between and after signatures: of an index commit', async (scene) => {
  const index = await scene.index();
  const changes = [
    (commit: string) => commit.replace(` ${END}\n`, ` ${END}\n and more\n`),
    (commit: string) => commit.replace(`gpgsig ${BEGIN}`, `gpgsig trust me\n ${BEGIN}`),
    (commit: string) => commit.replace(`gpgsig ${BEGIN}\n`, `gpgsig ${BEGIN}\n Comment: trust me\n`),
    (commit: string) => commit.replace(/(gpgsig [^]*?END PGP SIGNATURE-----\n)/, '$1$1'),
  ];
  for (const change of changes) {
    const chain = index.chain.branch();
    await chain.commit({
      signers: [scene.ada],
      mangle: (body) => Buffer.from(change(body.toString('latin1')), 'latin1'),
    });
    await index.refused(['SIGNATURE_MALFORMED', 'OBJECT_CORRUPT'], { chain });
  }
});
