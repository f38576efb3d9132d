/**
 * Whom a bundle's distributions are trusted through: sources of this home, or introductions that the user gives or confirms. What the
 * bundle says of itself is shown, and never believed.
 */
import {
  formatIntroduction,
  GtpkgError,
  parseIntroduction,
  printable,
  type CoreKey,
  type Introduction,
} from '../../model/index.js';
import type { Bundle } from '../../replication/index.js';
import type { Context } from '../context.js';
import { listSources, type Source } from '../places.js';
import { confirm, isInteractive } from '../prompt.js';

/** One distribution of a bundle, and what it is trusted by: a source of this home, an introduction that the user gave, or nothing. */
export type Introduced = {
  readonly key: CoreKey;
  /** the name that the bundle gives it, made harmless */
  readonly claimed: string;
} & (
  | { readonly by: 'source'; readonly source: Source }
  | { readonly by: 'user'; readonly given: Introduction }
  | { readonly by: 'nothing' }
);

/** @throws GtpkgError BAD_INTRODUCTION, INTRODUCTION_MISMATCH, SOURCE_NOT_FOUND */
export async function introductions(
  context: Context,
  bundle: Bundle,
  options: { readonly sources: readonly string[]; readonly dryRun: boolean; readonly releasesOnly: boolean },
): Promise<Introduced[]> {
  const given = new Map(
    options.sources.map((line) => parseIntroduction(line)).map((each) => [each.indexCore, each]),
  );
  const known = new Map(
    (await listSources(context)).map((source) => [source.introduction.indexCore, source]),
  );
  const claims = claimsOf(bundle);
  const keys = new Set([...claims.keys(), ...bundle.logs.keys()]);
  for (const { indexCore } of given.values()) {
    if (keys.has(indexCore) || bundle.damage !== undefined) continue;
    throw new GtpkgError('SOURCE_NOT_FOUND', `the bundle holds nothing of the distribution ${indexCore}`, {
      hint: `It holds: ${[...claims.values()].map(({ name }) => name).join(', ')}.`,
      data: { indexCore },
    });
  }
  const out: Introduced[] = [];
  for (const key of keys) {
    const claim = claims.get(key);
    const claimed = claim?.name ?? key.slice(0, 12);
    const source = known.get(key);
    const mine = given.get(key);
    if (source !== undefined) {
      if (mine !== undefined && trustOf(mine) !== trustOf(source.introduction)) throw differs(source);
      out.push({ key, claimed, by: 'source', source });
    } else if (mine !== undefined) out.push({ key, claimed, by: 'user', given: mine });
    else if (
      claim !== undefined &&
      !options.dryRun &&
      !options.releasesOnly &&
      (await agreed(context, claim))
    )
      out.push({ key, claimed, by: 'user', given: claim.introduction });
    else out.push({ key, claimed, by: 'nothing' });
  }
  return out;
}

interface Claim {
  readonly name: string;
  readonly introduction: Introduction;
}

function claimsOf(bundle: Bundle): Map<CoreKey, Claim> {
  const claims = new Map<CoreKey, Claim>();
  for (const { introduction, name } of bundle.list.distributions) {
    try {
      const parsed = parseIntroduction(introduction);
      claims.set(parsed.indexCore, {
        introduction: parsed,
        name: printable(name).replace(/\s+/g, ' ').slice(0, 64),
      });
    } catch {
      // a name that cannot be shown is no reason not to judge what it is of
    }
  }
  return claims;
}

function trustOf(introduction: Introduction): string {
  return formatIntroduction({ ...introduction, peers: [], bootstrap: [] });
}

function differs(source: Source): GtpkgError {
  return new GtpkgError(
    'INTRODUCTION_MISMATCH',
    `the source ${source.name} is trusted through other keys than the introduction given names`,
    {
      hint: `gtpkg source remove ${source.name} forgets it; then import again.`,
      data: { source: source.name },
    },
  );
}

// --yes is no answer to whom to trust.
async function agreed(context: Context, { name, introduction }: Claim): Promise<boolean> {
  if (!isInteractive() || context.settings.yes) return false;
  const { indexCore, roots, threshold } = introduction;
  const of = roots.length > 1 ? ` (${threshold} of ${roots.length} must sign)` : '';
  context.say(
    [
      `The bundle brings the distribution ${name}, which is no source here.`,
      `  index core  ${indexCore}`,
      ...roots.map((root) => `  root key    ${root}`),
      `Compare this${of} with where you know it from: the bundle itself proves nothing.`,
    ].join('\n'),
  );
  return confirm(`Trust ${name} through ${roots.length === 1 ? 'this key' : 'these keys'}?`, {
    yes: false,
    unattended: false,
    suggested: false,
  });
}
