/** Whether the interpreter of a maintainer script is in a root: while a root is made from nothing, it comes with the packages. */
import type { Disk } from './disk.js';
import { Walk } from './walk.js';

/** A root that has none was never set up: its first packages bring the interpreter of their own scripts. */
export function hasShell(disk: Disk): boolean {
  return isThere(disk, 'bin/sh');
}

/** Whether a file is at `path`, links followed inside the root. */
export function isThere(disk: Disk, path: string): boolean {
  try {
    const walk = new Walk((at) => disk.look(at), disk.root === '/');
    let at: string = walk.entry(path);
    for (let hops = 0; hops < 8; hops++) {
      const seen = disk.look(at);
      if (seen.kind !== 'link') return seen.kind === 'other';
      const { target } = seen;
      const parent = at.includes('/') ? at.slice(0, at.lastIndexOf('/') + 1) : '';
      const next = target.startsWith('/') ? target.slice(1) : `${parent}${target}`;
      at = walk.entry(next.replace(/(^|\/)\.\//g, '$1').replace(/\/+$/, ''));
    }
    return false;
  } catch {
    return false;
  }
}
