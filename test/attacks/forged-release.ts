/** What test/package-repo/forge.ts makes, as something that an index can list. */
import { parseControl, type ReleasePin } from '../../model/index.js';
import type { Crafted } from '../e2e/evil-release.js';
import { control } from '../package-repo/support.js';

/** The release `sample` with its honest entry. */
export function forgedRelease({ image, pin }: { image: Buffer; pin: ReleasePin }): Crafted {
  return { image, pin, control: parseControl(Buffer.from(control()), 'forged') };
}
