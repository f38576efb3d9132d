/** Hard-revoked key: it was stolen, and the thief dates his signatures to before that was said. */
import * as openpgp from 'openpgp';
import { signsOn } from './revoked.js';
import { attack } from './scene.js';

attack('hard-revoked key: backdated signatures', (scene) =>
  signsOn(scene, openpgp.enums.reasonForRevocation.keyCompromised),
);
