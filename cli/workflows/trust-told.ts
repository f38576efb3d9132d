/** What policy asks about a release that its index entry does not tell: the attributes of profile.ts's TOLD_BY_RELEASE. Pure. */
import { lentRight } from '../../model/manifest.js';
import type { ReleaseHead } from '../../model/release.js';
import type { Attributes } from '../../trust/keynote/index.js';

const MAINTAINER_SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm', 'config'];

/**
 * `scripts`: whether it brings maintainer scripts. `rights`: the kinds of rights that its files lend, each once, sorted, with a space between;
 * '' for none. docs/formats/policy.md §4.
 */
export function toldBy(release: {
  readonly scripts: Pick<ReleaseHead['scripts'], 'has'>;
  readonly manifest: ReleaseHead['manifest'];
}): Attributes {
  const rights = new Set(release.manifest.flatMap((entry) => lentRight(entry) ?? []));
  return {
    scripts: MAINTAINER_SCRIPTS.some((name) => release.scripts.has(name)) ? 'yes' : 'no',
    rights: [...rights].sort().join(' '),
  };
}
