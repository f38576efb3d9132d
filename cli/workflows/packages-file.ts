/**
 * The text of a `Packages`, `status` or `extended_states` file, as mirrors and apt keep it: plain, .gz, .xz, .zst or .lz4, told by its
 * first bytes. What comes out is bounded, whatever it was packed with.
 */
import { readFileSync, type BigIntStats } from 'node:fs';
import { GtpkgError, systemCode } from '../../model/errors.js';
import { MAX_PACKAGES_TEXT } from '../../model/limits.js';

const PACKED: readonly (readonly [string, 'gz' | 'xz' | 'zst' | 'lz4'])[] = [
  ['\x1f\x8b', 'gz'],
  ['\xfd7zXZ\0', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zst'],
  ['\x04\x22\x4d\x18', 'lz4'],
];
/** No mirror has these any more. */
const REFUSED: readonly (readonly [string, string])[] = [
  ['BZh', 'bzip2'],
  ['\x5d\0\0', 'lzma'],
];

/**
 * Reads an open file.
 * @param path - of the same file, for messages and for what has to be read in pieces
 * @throws GtpkgError LIMIT_EXCEEDED, CONTROL_MALFORMED
 */
export async function readPackagesText(fd: number, path: string, stat: BigIntStats): Promise<Buffer> {
  if (!stat.isFile() && !stat.isFIFO())
    throw new GtpkgError('CONTROL_MALFORMED', `${path} is not a file`, { hint: 'Name a Packages file.' });
  if (stat.size > BigInt(MAX_PACKAGES_TEXT)) throw tooLarge(path);
  const bytes = readFileSync(fd);
  const magic = bytes.toString('latin1', 0, 6);
  const kind = PACKED.find(([start]) => magic.startsWith(start))?.[1];
  if (kind !== undefined) return unpack(bytes, kind, path);
  const refused = REFUSED.find(([start]) => magic.startsWith(start))?.[1];
  if (refused !== undefined)
    throw new GtpkgError(
      'CONTROL_MALFORMED',
      `${path} is packed with ${refused}, which gtpkg does not read`,
      {
        hint: `Unpack it first: /usr/lib/apt/apt-helper cat-file ${path} > Packages`,
      },
    );
  if (bytes.length > MAX_PACKAGES_TEXT) throw tooLarge(path);
  return bytes;
}

async function unpack(bytes: Buffer, kind: 'gz' | 'xz' | 'zst' | 'lz4', path: string): Promise<Buffer> {
  try {
    if (kind === 'gz') {
      const { gunzipSync } = await import('node:zlib');
      return gunzipSync(bytes, { maxOutputLength: MAX_PACKAGES_TEXT });
    }
    if (kind === 'lz4') {
      const { decodeLz4 } = await import('../../package-repo/lz4.js');
      return decodeLz4(bytes, MAX_PACKAGES_TEXT);
    }
    const { decompressBytes } = await import('../../package-repo/decompress.js');
    const parts: Uint8Array[] = [];
    for await (const chunk of decompressBytes(kind, bytes, MAX_PACKAGES_TEXT)) parts.push(Buffer.from(chunk)); // its memory may be used again
    return Buffer.concat(parts);
  } catch (cause) {
    const large =
      systemCode(cause) === 'ERR_BUFFER_TOO_LARGE' ||
      (cause instanceof GtpkgError && cause.code === 'LIMIT_EXCEEDED');
    throw large
      ? tooLarge(path)
      : new GtpkgError('CONTROL_MALFORMED', `${path}: a .${kind} file that is damaged or cut short`, {
          hint: 'Fetch the file again.',
          cause,
        });
  }
}

function tooLarge(path: string): GtpkgError {
  return new GtpkgError('LIMIT_EXCEEDED', `${path} is larger than ${MAX_PACKAGES_TEXT} bytes`);
}
