/** Releases that the policy keeps back from a request, and how that is said. */
import { compareVersions, GtpkgError } from '../../model/index.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { Plan } from '../../resolver/index.js';
import type { Attributes, Compliance } from '../../trust/keynote/index.js';
import type { Change, ChangeRequest } from './decide.js';
import type { Wanted } from './versions.js';

/** A release that the policy keeps back from a request. */
export interface KeptBack {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly suite: string;
  readonly value: Compliance;
}

/**
 * POLICY_REFUSED, with the releases and what to do.
 * @param told - what the first of them turned out to be once it was here
 */
export function refused(kept: readonly KeptBack[], told?: Attributes): GtpkgError {
  const [first] = kept;
  const list = kept.map(({ name, version, source, value }) => ({ name, version, source, value }));
  const what = list.map(({ version, source, value }) => `${version} of ${source} (${value})`).join(', ');
  const name = first?.name ?? 'PKG';
  const set = Object.entries(told ?? {}).map(
    ([attribute, value]) =>
      ` --set ${/^[a-z-]+$/.test(value) ? `${attribute}=${value}` : `'${attribute}=${value}'`}`,
  );
  const why =
    told === undefined
      ? `gtpkg trust explain ${name} says why.`
      : `It was fetched and verified, and only then known to be so: gtpkg trust test ${name}=${first?.version}@${first?.source}${set.join('')} says why.`;
  return new GtpkgError('POLICY_REFUSED', `the policy does not let ${name} be taken: ${what}`, {
    hint: `${why} Nothing was changed.`,
    data: { releases: list, ...(told === undefined ? {} : { attributes: told }) },
  });
}

/** Whether a release is one of those that a word of the user means. */
export function fitting(
  wanted: Wanted,
): (each: { version: string; suite?: string; source: string }) => boolean {
  return ({ version, suite, source }) =>
    (wanted.version === undefined || version === wanted.version) &&
    (wanted.suite === undefined || suite === wanted.suite) &&
    (wanted.source === undefined || source === wanted.source);
}

/** What an upgrade would take if the policy let it, the newest of each. */
export function keptFromUpgrade(
  request: ChangeRequest,
  plan: Plan,
  {
    byName,
    judge,
  }: {
    byName: ReadonlyMap<string, InstalledPackage>;
    judge: { readonly keptBack: readonly KeptBack[] } | undefined;
  },
): Change['heldBack'] {
  if (request.kind !== 'upgrade' || judge === undefined) return [];
  const best = new Map<string, KeptBack>();
  for (const each of judge.keptBack) {
    const installed = byName.get(each.name);
    const newest = best.get(each.name)?.version ?? installed?.version;
    if (
      installed?.state !== 'installed' ||
      newest === undefined ||
      compareVersions(each.version, newest) <= 0
    )
      continue;
    const planned = plan.steps.find((step) => step.name === each.name)?.to?.version;
    if (planned === undefined || compareVersions(each.version, planned) > 0) best.set(each.name, each);
  }
  return [...best.values()].map(({ name, version, value }) => ({
    name,
    installed: byName.get(name)?.version ?? '',
    available: version,
    held: false,
    reason: `the policy says "${value}" (gtpkg trust explain ${name})`,
  }));
}
