/**
 * The policy of choice: pins as the resolver takes them, and `gtpkg policy`, which shows what they come to. docs/policy.md.
 */
import { compareVersions } from '../../model/version.js';
import { GtpkgError } from '../../model/errors.js';
import { opensToAll, rankOf, type Pin } from '../../resolver/pins.js';
import type { Policy } from '../../resolver/index.js';
import type { Candidate } from '../../model/universe.js';
import type { Context } from '../context.js';
import { installedByName } from './list.js';
import { OfferedUniverse, openSources, type OfferedCandidate } from './offers.js';
import { pinLabel, pinsAbout, readPins } from './pins.js';
import { notFound, parseWanted } from './versions.js';

const coreOf = (candidate: Candidate): string | undefined =>
  (candidate as Partial<OfferedCandidate>).offer?.pin.core.key;

/**
 * A package takes what it needs from its own source: a release of another one will do only where a pin opens it to all, or
 * where it is the very same release that its own source offers too (as in a fork).
 */
export function policyOf(pins: readonly Pin[], universe: OfferedUniverse): Policy {
  return {
    priority: (candidate) => rankOf(pins, candidate).priority,
    allows(owner, candidate) {
      if (owner.source === candidate.source || owner.source === '' || candidate.source === '') return true;
      if (opensToAll(pins, candidate)) return true;
      const core = coreOf(candidate);
      return universe
        .versions(candidate.name)
        .some((other) => other.source === owner.source && coreOf(other) === core);
    },
  };
}

/** One release in the table of `policy`. */
export interface PolicyRow {
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly suite: string;
  readonly priority: number;
  /** the pin that decided, as it is typed */
  readonly pin: string | null;
  readonly installed: boolean;
}

/** What the pins come to for one package. */
export interface PackagePolicy {
  readonly name: string;
  readonly installed: string | null;
  readonly held: boolean;
  /** what install would take; null: nothing */
  readonly candidate: string | null;
  readonly rows: readonly PolicyRow[];
}

/** What `policy` shows. */
export interface PolicyReport {
  readonly pins: readonly { readonly pin: string; readonly priority: number }[];
  readonly sources: readonly { readonly source: string; readonly packages: number }[];
  readonly packages: readonly PackagePolicy[];
}

/** Pins and sources; with names also what they come to for these. @throws GtpkgError PACKAGE_NOT_FOUND, USAGE */
export async function showPolicy(context: Context, words: readonly string[]): Promise<PolicyReport> {
  const pins = await readPins(context);
  const sources = await openSources(context);
  const universe = new OfferedUniverse(sources);
  const installed = installedByName(context);
  const packages: PackagePolicy[] = [];
  for (const word of words) {
    const { name, ...more } = parseWanted(word);
    if (Object.keys(more).length > 0) throw new GtpkgError('USAGE', 'policy takes names of packages only');
    const offered = universe
      .versions(name)
      .filter(({ architecture }) => architecture === 'all' || architecture === context.architecture);
    const here = installed.get(name);
    if (offered.length === 0 && here === undefined)
      throw await notFound(name, universe.names(), 'in any source');
    const rows = offered
      .map((each): PolicyRow => {
        const { priority, pin } = rankOf(pins, each);
        const { version, architecture, source, suite } = each;
        return {
          version,
          architecture,
          source,
          suite,
          priority,
          pin: pin === undefined ? null : pinLabel(pin),
          installed: here?.pin.core.key === each.offer.pin.core.key,
        };
      })
      .sort((a, b) => compareVersions(b.version, a.version) || b.priority - a.priority);
    packages.push({
      name,
      installed: here?.version ?? null,
      held: here?.held === true,
      candidate: candidateOf(rows, here),
      rows,
    });
  }
  const shown =
    words.length === 0
      ? pins
      : pins.filter((pin) => packages.some(({ name }) => pinsAbout([pin], name).length > 0));
  return {
    pins: shown.map((pin) => ({ pin: pinLabel(pin), priority: pin.priority })),
    sources: sources.map(({ source, query }) => ({ source: source.name, packages: query.size })),
    packages,
  };
}

/** As the resolver has it: no priority below 0; below 100 only where nothing is installed; down only from 1000 on. */
function candidateOf(
  rows: readonly PolicyRow[],
  here: { readonly version: string; readonly held: boolean } | undefined,
): string | null {
  const order = (a: PolicyRow, b: PolicyRow): number =>
    b.priority - a.priority || compareVersions(b.version, a.version);
  const fitting = rows.filter(
    ({ version, priority }) =>
      priority >= 0 &&
      (here === undefined ||
        priority >= 1000 ||
        (priority >= 100 && compareVersions(version, here.version) >= 0)),
  );
  if (here?.held === true) return here.version;
  return [...fitting].sort(order)[0]?.version ?? here?.version ?? null;
}
