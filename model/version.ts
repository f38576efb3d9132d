/**
 * Debian version numbers: deb-version(7), Debian Policy §5.6.12. Pure.
 */
import { GtpkgError } from './errors.js';

/** `[epoch:]upstream[-revision]` */
export interface Version {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

const EPOCH = /^[0-9]+$/;
const UPSTREAM = /^[0-9][0-9A-Za-z.+:~-]*$/;
const REVISION = /^[0-9A-Za-z.+~]+$/;
/** dpkg holds the epoch in a C int. */
const MAX_EPOCH = 2_147_483_647;

/**
 * Splits at the first colon and the last hyphen, as dpkg does. Two spellings that dpkg tolerates are refused,
 * so that a version has one spelling: white space around it, and a plus sign before the epoch.
 * @throws GtpkgError BAD_VERSION when `text` is not a version as dpkg accepts it
 */
export function parseVersion(text: string): Version {
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  const upstream = hyphen < 0 ? rest : rest.slice(0, hyphen);
  const revision = hyphen < 0 ? '' : rest.slice(hyphen + 1);
  let epoch = 0;
  if (colon >= 0) {
    if (!EPOCH.test(text.slice(0, colon))) throw bad(text);
    epoch = Number(text.slice(0, colon));
  }
  if (epoch > MAX_EPOCH || !UPSTREAM.test(upstream) || (hyphen >= 0 && !REVISION.test(revision)))
    throw bad(text);
  return { epoch, upstream, revision };
}

function bad(text: string): GtpkgError {
  return new GtpkgError('BAD_VERSION', `"${text.slice(0, 80)}" is not a Debian version`, {
    hint: 'A version is [epoch:]upstream[-revision] and starts with a digit, for example 1:2.30-5.',
  });
}

// dpkg's order(): '~' before the end, the end before letters, letters before everything else.
function weight(code: number): number {
  if (code >= 48 && code <= 57) return 0;
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return code;
  if (code === 126) return -1;
  return code + 256;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

// A character past the end counts like a digit: it weighs 0 and ends the non-digit part.
function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const x = i < a.length ? weight(a.charCodeAt(i)) : 0;
      const y = j < b.length ? weight(b.charCodeAt(j)) : 0;
      if (x !== y) return x < y ? -1 : 1;
      i++;
      j++;
    }
    while (a.charCodeAt(i) === 48) i++;
    while (b.charCodeAt(j) === 48) j++;
    let first = 0;
    while (isDigit(a.charCodeAt(i)) && isDigit(b.charCodeAt(j))) {
      if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (isDigit(a.charCodeAt(i))) return 1;
    if (isDigit(b.charCodeAt(j))) return -1;
    if (first !== 0) return first < 0 ? -1 : 1;
  }
  return 0;
}

/** dpkg's order: negative, zero, positive. @throws GtpkgError BAD_VERSION */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const x = parseVersion(a);
  const y = parseVersion(b);
  if (x.epoch !== y.epoch) return x.epoch < y.epoch ? -1 : 1;
  return comparePart(x.upstream, y.upstream) || comparePart(x.revision, y.revision);
}

export type VersionOperator = '<<' | '<=' | '=' | '>=' | '>>';

/** Whether `version operator wanted` holds. */
export function versionSatisfies(version: string, operator: VersionOperator, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  switch (operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}
