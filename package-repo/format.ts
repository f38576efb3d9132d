/**
 * How a release is written into git: names of refs, commit, tag message. docs/formats/release.md, version 1. Pure.
 */
import { cleanPerson, mangleVersion, unmangleVersion, type Person } from '../git/index.js';
import {
  GtpkgError,
  isArchitecture,
  parseParagraph,
  parseSha256,
  type Control,
  type Manifest,
  type ReleaseId,
  type Sha256,
} from '../model/index.js';

/** The claims of a release's tag. */
export interface ReleaseClaims extends ReleaseId {
  /** id of the release's tree under git's SHA-256 object format */
  readonly tree: Sha256;
}

const TAGS = 'refs/tags/';

/** The tag's own name, `<mangled version>/<architecture>`. */
export function tagName({ version, architecture }: Pick<ReleaseId, 'version' | 'architecture'>): string {
  return `${mangleVersion(version)}/${architecture}`;
}

/** The tag's full ref name. */
export function tagRef(id: Pick<ReleaseId, 'version' | 'architecture'>): string {
  return TAGS + tagName(id);
}

/** Version and architecture that a ref names; undefined for refs that are not release tags. */
export function parseTagRef(ref: string): { version: string; architecture: string } | undefined {
  const match = /^refs\/tags\/([^/]+)\/([^/@]+)$/.exec(ref);
  if (match === null || !isArchitecture(match[2] ?? '')) return undefined;
  try {
    return { version: unmangleVersion(match[1] ?? ''), architecture: match[2] ?? '' };
  } catch {
    return undefined;
  }
}

/** The branch that holds the releases of an architecture. */
export function branchRef(architecture: string): string {
  return `refs/heads/${architecture}`;
}

/** First line of commit and tag: `<name> <version> (<architecture>)`. */
export function releaseTitle({ name, version, architecture }: ReleaseId): string {
  return `${name} ${version} (${architecture})`;
}

/** Undoes releaseTitle; undefined for other text. */
export function parseTitle(line: string): ReleaseId | undefined {
  const match = /^(\S+) (\S+) \((\S+)\)$/.exec(line);
  return match === null
    ? undefined
    : { name: match[1] ?? '', version: match[2] ?? '', architecture: match[3] ?? '' };
}

/** The tag's message. */
export function tagMessage(claims: ReleaseClaims): string {
  return [
    releaseTitle(claims),
    '',
    'Format: gtpkg-release 1',
    `Package: ${claims.name}`,
    `Version: ${claims.version}`,
    `Architecture: ${claims.architecture}`,
    `Tree-SHA256: ${claims.tree}`,
    '',
  ].join('\n');
}

/** What a tag's message claims; exactly one spelling is accepted. @throws GtpkgError RELEASE_MALFORMED */
export function parseTagMessage(message: string): ReleaseClaims {
  try {
    const cut = message.indexOf('\n\n');
    const fields = parseParagraph(message.slice(cut + 2), {
      where: 'release tag',
      code: 'RELEASE_MALFORMED',
    });
    const claims: ReleaseClaims = {
      name: fields.get('Package') ?? '',
      version: fields.get('Version') ?? '',
      architecture: fields.get('Architecture') ?? '',
      tree: parseSha256(fields.get('Tree-SHA256') ?? ''),
    };
    if (tagMessage(claims) === message) return claims;
  } catch (cause) {
    throw new GtpkgError('RELEASE_MALFORMED', 'The message of the tag is not that of a release', { cause });
  }
  throw new GtpkgError('RELEASE_MALFORMED', 'The message of the tag is not that of a release');
}

/** Whoever a Maintainer field names: `Name <mail@example.org>`. */
export function maintainer(control: Control): { name: string; email: string } {
  const match = /^\s*(.*?)\s*<([^<>]*)>/.exec(control.maintainer);
  return cleanPerson(match?.[1] ?? control.maintainer, match?.[2] ?? '');
}

/** Year 9999: later times trip date code everywhere. */
const LAST_TIME = 253_402_300_799;

/** Author and committer of a release's commit: no clock is asked, so every machine makes the same commit. */
export function commitPerson(control: Control, manifest: Manifest, parentTime: number): Person {
  let time = parentTime;
  for (const { mtime } of manifest) if (mtime > time) time = mtime;
  return { ...maintainer(control), time: Math.min(Math.max(time, 0), LAST_TIME) };
}
