/** Attacks on archives come twice: in a .deb that a publisher is handed, and in a manifest that a maintainer really signed. */
import { deb, type Member } from '../e2e/evil-deb.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import type { Codes, Scene } from './scene.js';

/** SHA-256 of nothing. */
export const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const dir = (name: string): Member => ({ name, type: '5' });
/** What stands before the attack in each .deb. */
export const TOP: readonly Member[] = [dir('./'), dir('./usr/'), dir('./usr/bin/')];

/** Each list of members, after TOP, makes a .deb that is refused. */
export async function debs(
  scene: Scene,
  attacks: readonly (readonly Member[])[],
  codes: Codes = 'DEB_UNSAFE',
): Promise<void> {
  for (const data of attacks) await scene.refusesDeb(deb('evil', { data: [...TOP, ...data] }), codes);
}

/** Each list of lines is a manifest that nobody takes, whoever signed it. */
export async function manifests(
  scene: Scene,
  attacks: readonly (readonly string[])[],
  codes: Codes = 'MANIFEST_MALFORMED',
): Promise<void> {
  for (const lines of attacks) {
    const manifest = Buffer.from(['#gtpkg-manifest 1', ...lines, ''].join('\n'), 'latin1');
    const release = await forge(scene.ada, { files: (files) => ({ ...files, manifest }) });
    await scene.refusesRelease(forgedRelease(release), codes);
  }
}

/** An empty file's line. */
export const file = (path: string, mode = '0644'): string => `f ${mode} root root 0 0 ${EMPTY} - ${path}`;
/** A directory's line. */
export const directory = (path: string): string => `d 0755 root root 0 0 - - ${path}`;
