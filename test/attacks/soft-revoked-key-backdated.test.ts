/** Soft-revoked key: it was given up, so nobody guards it any more; gtpkg takes that as it takes a theft. */
import * as openpgp from 'openpgp';
import { signsOn } from './revoked.js';
import { attack } from './scene.js';

attack('soft-revoked key (superseded): backdated signatures', (scene) =>
  signsOn(scene, openpgp.enums.reasonForRevocation.keySuperseded),
);

attack('soft-revoked key (retired): backdated signatures', (scene) =>
  signsOn(scene, openpgp.enums.reasonForRevocation.keyRetired),
);
