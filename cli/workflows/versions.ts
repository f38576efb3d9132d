/**
 * Words of a user that name a package: PKG, PKG=VERSION, PKG/SUITE, PKG@SOURCE, in any sensible mixture.
 */
import { checkPackageName, GtpkgError, isArchitecture, parseVersion } from '../../model/index.js';

/** What the user named. */
export interface Wanted {
  readonly name: string;
  readonly version?: string;
  readonly suite?: string;
  readonly source?: string;
}

/** @param options - whether `PKG:ARCH` is allowed. @throws GtpkgError BAD_NAME, BAD_VERSION, USAGE */
export function parseWanted(word: string, options: { readonly architectures?: boolean } = {}): Wanted {
  if (/^\.{0,2}\/|\.deb$/.test(word))
    throw new GtpkgError('USAGE', `"${word.slice(0, 80)}" is a file, not the name of a package`, {
      hint: 'Packages come from a signed index: gtpkg publish FILE --index NAME lists a .deb or a directory in one of yours.',
    });
  const match = /^([^=/@]+)(?:=([^/@]+))?(?:\/([^@]+))?(?:@(.+))?$/.exec(word);
  if (match?.[1] === undefined)
    throw new GtpkgError('USAGE', `"${word}" names no package`, {
      hint: 'Write PKG, PKG=VERSION or PKG/SUITE.',
    });
  const [, name, version, suite, source] = match;
  const [plain = '', architecture] = (name ?? '').split(':', 2);
  if (architecture !== undefined && options.architectures !== true)
    throw new GtpkgError('USAGE', `${name ?? ''}: a root holds packages of one architecture, its machine's`, {
      hint: `Leave out ":${architecture.slice(0, 20)}". gtpkg resolve decides about several architectures, on Packages files.`,
    });
  checkPackageName(plain);
  if (architecture !== undefined && !isArchitecture(architecture))
    throw new GtpkgError('USAGE', `"${architecture.slice(0, 80)}" is not an architecture`);
  if (version !== undefined) parseVersion(version);
  return {
    name: name ?? '',
    ...(version === undefined ? {} : { version }),
    ...(suite === undefined ? {} : { suite }),
    ...(source === undefined ? {} : { source }),
  };
}

/** At least one word. @throws GtpkgError USAGE */
export function someWords(words: readonly string[], what: string): readonly string[] {
  if (words.length === 0) throw new GtpkgError('USAGE', `no ${what} is named`);
  return words;
}

async function nearest(word: string, names: readonly string[]): Promise<string | undefined> {
  if (names.length === 0) return undefined;
  const { closest, distance } = await import('fastest-levenshtein');
  const near = closest(word, [...names]);
  return distance(word, near) <= Math.max(2, Math.floor(word.length / 3)) ? near : undefined;
}

/** There is no such package; the one that was meant, from all names there are. */
export async function notFound(word: string, names: Iterable<string>, where: string): Promise<GtpkgError> {
  const all = [...names];
  const meant = await nearest(word, all);
  return new GtpkgError('PACKAGE_NOT_FOUND', `there is no package "${word}" ${where}`, {
    hint:
      all.length === 0
        ? 'No source is known yet, or none was fetched: gtpkg source add INTRODUCTION, then gtpkg update.'
        : meant === undefined
          ? 'gtpkg search WORD finds packages; gtpkg update fetches newer indexes.'
          : `Did you mean ${meant}?`,
    data: { name: word, suggestion: meant ?? null },
  });
}

/** It is not in the root; the one that was meant, from what is. Where it is, but more than its name was given, that is said. */
export async function notInstalled(
  name: string,
  installed: Iterable<string>,
  root: string,
): Promise<GtpkgError> {
  const names = [...installed];
  const [plain = ''] = name.split(/[=/@]/, 1);
  if (plain !== name && names.includes(plain))
    return new GtpkgError(
      'USAGE',
      `"${name.slice(0, 80)}": only the name of an installed package goes here`,
      {
        hint: `Write ${plain}: one version of it is installed. gtpkg install ${name.slice(0, 80)} takes another.`,
      },
    );
  const meant = await nearest(name, names);
  return new GtpkgError('NOT_INSTALLED', `${name} is not installed in ${root}`, {
    hint: meant === undefined ? 'gtpkg list shows what is.' : `Did you mean ${meant}?`,
    data: { name, root, suggestion: meant ?? null },
  });
}

/** `Offered: 2.1 (acme/stable), 2.0 (acme/stable).` */
export function offeredHint(
  offered: readonly { readonly version: string; readonly source: string; readonly suite: string }[],
): string {
  const all = [...new Set(offered.map((each) => `${each.version} (${each.source}/${each.suite})`))];
  return all.length === 0
    ? 'No source offers any; gtpkg update fetches newer indexes.'
    : `Offered: ${all.slice(0, 10).join(', ')}${all.length > 10 ? ` and ${all.length - 10} more` : ''}.`;
}
