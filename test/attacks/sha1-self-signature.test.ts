/** SHA-1 self-signature: the key's user id is bound by a hash for which collisions are made. */
import * as openpgp from 'openpgp';
import { makePacket, makeRsaKey } from '../trust/forge.js';
import { attack } from './scene.js';

attack('SHA-1 self-signature: a maintainer key that is bound by nothing better', async (scene) => {
  const index = await scene.index();
  const key = await makeRsaKey();
  const primary = key.secret.keyPacket as openpgp.SecretKeyPacket;
  const user = key.secret.users[0]?.userID as openpgp.UserIDPacket;
  for (const hashAlgorithm of [openpgp.enums.hash.sha1, openpgp.enums.hash.md5]) {
    const set = { signatureType: 0x13, keyFlags: new Uint8Array([3]), hashAlgorithm };
    const list = new openpgp.PacketList<openpgp.AnyPacket>();
    const binding = await makePacket(primary, { key: primary, userID: user }, { set });
    list.push(key.secret.toPublic().keyPacket, user, binding);
    const armored = openpgp.armor(openpgp.enums.armor.publicKey, list.write());
    const chain = index.chain.branch();
    const files = { [`keys/${key.fingerprint}.asc`]: Buffer.from(armored.replaceAll('\r', '')) };
    await chain.commit({ signers: [scene.ada], files });
    await index.refused('KEY_WEAK', { chain });
  }
  await index.commit({ files: { [`keys/${key.fingerprint}.asc`]: Buffer.from(key.publicKey) } });
  await index.accepted();
});
