/** The entries of a manifest that have no contents of their own: second names of files, devices, fifos. Made where they are staged. */
import { pathToText } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import type { Attributes, Disk } from './disk.js';
import { isText } from './owners.js';

const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Where something is made, and what it gets. */
export interface Making extends Attributes {
  readonly path: string;
}

/** A second name of a file; a copy where the two names are on different file systems of this root, or it has no hard links. */
export function makeHardLink(disk: Disk, from: string, { path, ...attributes }: Making): 'linked' | 'copied' {
  try {
    disk.link(from, path);
    return 'linked';
  } catch (error) {
    if (!NO_LINK.has(systemCode(error) ?? '')) throw error;
    disk.copy(from, path, attributes);
    return 'copied';
  }
}

/**
 * A device or a fifo.
 * @param making - `spare` gives a free name for a while
 * @throws GtpkgError PERMISSION (a device without root rights), TOOL_MISSING; the system's errors
 */
export async function makeNode(
  disk: Disk,
  entry: ManifestEntry,
  { path, spare, ...attributes }: Making & { readonly spare: () => string },
): Promise<void> {
  if (entry.type !== 'p' && !disk.asRoot) {
    throw new GtpkgError(
      'PERMISSION',
      `/${pathToText(entry.path)} is a device node, which only root may make`,
      { hint: 'Install this package as root, or leave it out.' },
    );
  }
  // mknod(1) takes its name as text; the staged name may be bytes
  const plain = isText(path) ? path : spare();
  try {
    await disk.makeNode(plain, entry.type as 'b' | 'c' | 'p', entry.link ?? '');
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('TOOL_MISSING', 'the program mknod is not here', { cause: error });
    throw Object.assign(new Error(error instanceof Error ? error.message : 'mknod failed'), {
      code: 'EPERM',
    });
  }
  if (plain !== path) disk.rename(plain, path);
  disk.setAttributes(path, attributes);
}
