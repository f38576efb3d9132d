/**
 * Names as git takes them: versions in ref names (DEP-14) and single path components in trees. Pure.
 *
 * Git keeps names as bytes but refuses some on checkout or in `fsck --strict` (`.git` and all that NTFS or HFS+
 * would take for it), and tools refuse `\` and control bytes. Those are percent-encoded; each name has one spelling.
 */
import { GtpkgError } from '../model/index.js';

/** A version as DEP-14 writes it in a ref name: `1:2~rc..1` → `1%2_rc.#.1`. Expects a valid Debian version. */
export function mangleVersion(version: string): string {
  return version
    .replace(/:/g, '%')
    .replace(/~/g, '_')
    .replace(/\.(?=\.|$|lock$)/g, '.#');
}

/** The version behind a mangled one. @throws GtpkgError BAD_VERSION when `text` is not the one mangled spelling */
export function unmangleVersion(text: string): string {
  const version = text.replace(/#/g, '').replace(/%/g, ':').replace(/_/g, '~');
  if (version === '' || !/^[0-9A-Za-z.+:~-]+$/.test(version) || mangleVersion(version) !== text) {
    throw new GtpkgError(
      'BAD_VERSION',
      `"${text.slice(0, 80)}" is not a version as DEP-14 writes it in a tag name`,
    );
  }
  return version;
}

// UTF-8 of the code points that HFS+ ignores in names (git's utf8.c, next_hfs_char), as latin1 byte strings.
const HFS_IGNORED = /\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf/g;
// `.git*` itself, and 8.3 short names that NTFS may give to it or to .gitmodules, .gitattributes, .gitignore, .mailmap.
const GIT_ALIKE = /^(?:\.git|(?:g[a-z0-9]{0,5}|ma?[a-z0-9]{0,4})?~[0-9])/i;
// eslint-disable-next-line no-control-regex
const ESCAPED = /[\x00-\x1f\x7f%\\]/g;

// What most names are: nothing in them is refused or encoded, whatever git looks for.
const PLAIN = /^[\w+,=@:-][\w+,=@:. -]*$/;

const percent = (byte: string): string =>
  `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/**
 * True when git stores and checks out the component as it is, on every system: not empty, `.`, `..`, no `/`, `\`, NUL,
 * nothing that some file system takes for `.git`.
 */
export function isGitName(name: string): boolean {
  if (PLAIN.test(name)) return true;
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) return false;
  return !GIT_ALIKE.test(name.replace(HFS_IGNORED, ''));
}

/**
 * One path component (a byte string) as it stands in a release's `data/` tree.
 * @throws GtpkgError BAD_NAME for what is no component: empty, `.`, `..`, with `/` or NUL
 */
export function encodeGitName(name: string): string {
  if (PLAIN.test(name)) return name;
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" is not a file name`);
  }
  const escaped = name
    .replace(ESCAPED, percent)
    .replace(HFS_IGNORED, (bytes) => bytes.replace(/[^]/g, percent));
  return GIT_ALIKE.test(escaped) ? percent(escaped.charAt(0)) + escaped.slice(1) : escaped;
}

/**
 * The component behind an encoded one.
 * @throws GtpkgError BAD_NAME when `text` is not exactly what encodeGitName gives
 */
export function decodeGitName(text: string): string {
  const name = text.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (encodeGitName(name) !== text)
    throw new GtpkgError('BAD_NAME', `"${text.slice(0, 80)}" is not the encoded form of a file name`);
  return name;
}
