/**
 * Words of a user that name a package: PKG, PKG=VERSION, PKG/SUITE, PKG@SOURCE, in any sensible mixture.
 */
import { checkPackageName, GtpkgError, parseVersion } from '../../model/index.js';

/** What the user named. */
export interface Wanted {
  readonly name: string;
  readonly version?: string;
  readonly suite?: string;
  readonly source?: string;
}

/** @throws GtpkgError BAD_NAME, BAD_VERSION, USAGE */
export function parseWanted(word: string): Wanted {
  const match = /^([^=/@]+)(?:=([^/@]+))?(?:\/([^@]+))?(?:@(.+))?$/.exec(word);
  if (match?.[1] === undefined)
    throw new GtpkgError('USAGE', `"${word}" names no package`, {
      hint: 'Write PKG, PKG=VERSION or PKG/SUITE.',
    });
  const [, name, version, suite, source] = match;
  checkPackageName(name ?? '');
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
  if (words.length === 0)
    throw new GtpkgError('USAGE', `no ${what} is named`, {
      hint: 'gtpkg COMMAND --help shows what the command takes.',
    });
  return words;
}

/** `PKG: did you mean …` from all names there are. */
export async function notFound(word: string, names: Iterable<string>, where: string): Promise<GtpkgError> {
  const { closest, distance } = await import('fastest-levenshtein');
  const all = [...names];
  const near = all.length === 0 ? undefined : closest(word, all);
  const meant =
    near !== undefined && distance(word, near) <= Math.max(2, Math.floor(word.length / 3)) ? near : undefined;
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
