/**
 * Pins: what the user prefers, as priorities of releases. The numbers and the rules are those of apt_preferences(5);
 * docs/policy.md tells them to users. Pure.
 */
import type { Candidate } from '../model/universe.js';

/** One record of the preferences. All that is given must fit; `*` in a pattern stands for any text. */
export interface Pin {
  /** names or patterns, at least one */
  readonly packages: readonly string[];
  readonly source?: string;
  readonly suite?: string;
  readonly version?: string;
  readonly priority: number;
}

/** What a release has without any pin. */
export const DEFAULT_PRIORITY = 500;

/** A number and where it comes from. */
export interface Ranked {
  readonly priority: number;
  /** undefined: no pin fits */
  readonly pin: Pin | undefined;
}

type Release = Pick<Candidate, 'name' | 'source' | 'suite' | 'version'>;

/**
 * The pin that decides about a release: the first that names the package, else of those about every package (`*` alone) the
 * one with the highest priority.
 */
export function rankOf(pins: readonly Pin[], release: Release): Ranked {
  let general: Pin | undefined;
  for (const pin of pins) {
    if (!matches(pin, release)) continue;
    if (!isGeneral(pin)) return { priority: pin.priority, pin };
    if (general === undefined || pin.priority > general.priority) general = pin;
  }
  return { priority: general?.priority ?? DEFAULT_PRIORITY, pin: general };
}

/** Whether a pin is about every package. */
export function isGeneral({ packages }: Pin): boolean {
  return packages.every((pattern) => pattern === '*');
}

/** Whether a pin is about this release. */
export function matches(pin: Pin, { name, source, suite, version }: Release): boolean {
  return (
    pin.packages.some((pattern) => matchesPattern(pattern, name)) &&
    (pin.source === undefined || matchesPattern(pin.source, source)) &&
    (pin.suite === undefined || matchesPattern(pin.suite, suite)) &&
    (pin.version === undefined || matchesPattern(pin.version, version))
  );
}

/** `*` stands for any text, all else for itself; takes time in proportion to both lengths at worst. */
export function matchesPattern(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return text === first;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/**
 * Whether pins say that packages of any source may take what they need from this release: one that they give the priority
 * of any other release or more. Without a pin a package takes what it needs from its own source only.
 */
export function opensToAll(pins: readonly Pin[], release: Release): boolean {
  const { priority, pin } = rankOf(pins, release);
  return pin !== undefined && priority >= DEFAULT_PRIORITY;
}
