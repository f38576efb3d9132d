/** Whether a directory may go with all that is in it. */
import { joinPath, type BytePath } from '../model/bytes.js';
import type { Disk } from './disk.js';

/** The first path below a directory, itself no directory, that is not in `removals`. */
export function firstLeft(
  disk: Disk,
  directory: BytePath,
  removals: ReadonlySet<string>,
): BytePath | undefined {
  for (const name of disk.list(directory)) {
    const path = joinPath(directory, name);
    if (disk.look(path).kind === 'dir') {
      const found = firstLeft(disk, path, removals);
      if (found !== undefined) return found;
    } else if (!removals.has(path)) {
      return path;
    }
  }
  return undefined;
}
