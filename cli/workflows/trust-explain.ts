/**
 * Why a release may be installed, or may not: the derivation, as data. And the same for what is not so yet.
 */
import { compareVersions, GtpkgError, type Fingerprint } from '../../model/index.js';
import { readStatus } from '../../installer/status.js';
import type {
  Assertion,
  Attributes,
  Compliance,
  Judgement,
  PrincipalNode,
} from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { getSource } from '../places.js';
import { OfferedUniverse, openSources, type OfferedCandidate } from './offers.js';
import { Judge } from './trust-judge.js';
import { keysOf } from './trust-people.js';
import { parseUserPolicy, policyPath } from './trust-state.js';
import { notFound, offeredHint, parseWanted } from './versions.js';

/** One release judged. */
export interface Explained {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly suite: string;
  readonly signer: string;
  readonly cosigners: readonly string[];
  readonly installed: boolean;
  readonly value: Compliance;
  /** what that means, in a sentence */
  readonly meaning: string;
  /** POLICY, then each requirement: the least counts */
  readonly roots: readonly {
    readonly principal: string;
    readonly value: Compliance;
    readonly tree: PrincipalNode;
  }[];
  readonly attributes: Attributes;
  /** attributes that are known once it is here; until then each test takes them for what serves the release best */
  readonly unknown: readonly string[];
  /** user ids of keys that are named */
  readonly people: Readonly<Record<string, string>>;
  /** assertions of the index that do not count, and why */
  readonly void: readonly { readonly where: string; readonly why: string }[];
}

/** What trust explain and trust test print. */
export interface Explanation {
  readonly releases: readonly Explained[];
}

/** What is supposed, for trust test. */
export interface Supposition {
  /** `NAME=VALUE` */
  readonly set: readonly string[];
  /** keys that sign, in place of those that do */
  readonly signers: readonly Fingerprint[] | undefined;
  /** a policy in place of this home's */
  readonly policy: string | undefined;
  /** assertions that the index would have, signed or not */
  readonly delegations: readonly string[];
}

const MEANINGS: Readonly<Record<Compliance, string>> = {
  refuse: 'it is not offered',
  stage: 'it may be downloaded, not installed',
  manual: 'it is installed only when it is named',
  install: 'it is installed when it is named or needed; an upgrade unasked leaves it',
  auto: 'it is installed, and upgraded to unasked',
};

/**
 * Judges the newest fitting release of each source and suite, or the version named.
 * @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, POLICY_MALFORMED
 */
export async function explainTrust(
  context: Context,
  word: string,
  suppose: Supposition = { set: [], signers: undefined, policy: undefined, delegations: [] },
): Promise<Explanation> {
  const wanted = parseWanted(word);
  const sources = await openSources(context);
  const universe = new OfferedUniverse(sources);
  universe.checkSource(wanted.source);
  const offered = universe.versions(wanted.name);
  if (offered.length === 0) throw await notFound(wanted.name, universe.names(), 'in any source');
  const fitting = offered.filter(
    (each) =>
      (wanted.version === undefined || each.version === wanted.version) &&
      (wanted.suite === undefined || each.suite === wanted.suite) &&
      (wanted.source === undefined || each.source === wanted.source),
  );
  if (fitting.length === 0)
    throw new GtpkgError('VERSION_NOT_FOUND', `${wanted.name} is not offered as ${word}`, {
      hint: offeredHint(offered),
    });
  const status = [...readStatus(context.settings.root).values()];
  const user = suppose.policy === undefined ? undefined : await policyIn(suppose.policy);
  const judge = await Judge.open(context, { sources, status }, { always: true, user });
  if (judge === undefined) throw new GtpkgError('INTERNAL', 'nothing to judge by');
  const delegations = await supposed(suppose.delegations);
  const installed = status.find((each) => each.name === wanted.name && each.state === 'installed');
  const releases: Explained[] = [];
  for (const candidate of newestOfEach(fitting)) {
    const { signers } = suppose;
    const judged = judge.judge(candidate, attributesIn(suppose.set), { signers, delegations });
    const here = installed?.pin.core.key === candidate.offer.pin.core.key;
    releases.push(await explained(context, candidate, { judged, judge, installed: here }));
  }
  return { releases };
}

async function policyIn(path: string): Promise<readonly Assertion[]> {
  return parseUserPolicy((await readGiven(path)).toString('utf8'), path);
}

async function supposed(paths: readonly string[]): Promise<readonly Assertion[]> {
  const all: Assertion[] = [];
  for (const path of paths) all.push(...(await policyIn(path)));
  return all;
}

function attributesIn(set: readonly string[]): Attributes {
  return Object.fromEntries(
    set.map((each) => {
      const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(each) ?? [];
      if (name === undefined || value === undefined)
        throw new GtpkgError('USAGE', `"${each.slice(0, 80)}" is not NAME=VALUE`, {
          hint: 'For example --set suite=testing.',
        });
      return [name, value];
    }),
  );
}

function newestOfEach(candidates: readonly OfferedCandidate[]): OfferedCandidate[] {
  const best = new Map<string, OfferedCandidate>();
  for (const each of candidates) {
    const place = `${each.source} ${each.suite} ${each.architecture}`;
    const known = best.get(place);
    if (known === undefined || compareVersions(each.version, known.version) > 0) best.set(place, each);
  }
  return [...best.values()];
}

async function explained(
  context: Context,
  candidate: OfferedCandidate,
  found: { judged: Judgement; judge: Judge; installed: boolean },
): Promise<Explained> {
  const { fromBytes, proof, survey } = await import('../../trust/keynote/index.js');
  const { judged, judge, installed } = found;
  const { name, version, architecture, source, suite } = candidate;
  const { answer, value } = judged;
  const { signers } = judge.case(candidate);
  const attributes = Object.entries(answer.query.attributes).map(([key, bytes]) => [key, fromBytes(bytes)]);
  const roots = judged.roots.map((root) => ({
    ...root,
    // a proof of what is; of what is not, all that was looked at
    tree: root.value === 'refuse' ? survey(answer, root.principal) : proof(answer, root.principal),
  }));
  const named = new Set(
    [...JSON.stringify(roots).matchAll(/pgp:([0-9a-f]{40})/g)].map(([, hex = '']) => hex.toUpperCase()),
  );
  for (const signer of signers) named.add(signer);
  const keys = await keysOf(await getSource(context, source), (each) => named.has(each));
  return {
    name,
    version,
    architecture,
    source,
    suite,
    signer: candidate.offer.pin.signer,
    cosigners: signers.slice(1),
    installed,
    value,
    meaning: MEANINGS[value],
    roots,
    attributes: Object.fromEntries(attributes) as Attributes,
    unknown: answer.query.unknown ?? [],
    people: Object.fromEntries(keys.map((each) => [each.fingerprint, each.userIds[0] ?? ''])),
    void: judge.terms(source).void,
  };
}

/** The policy that is in force: the user's own, and what holds where it says nothing. */
export interface PolicyInForce {
  readonly path: string;
  readonly text: string;
  /** for each source that the text does not speak of */
  readonly defaults: readonly { readonly source: string; readonly text: string }[];
}

/** @throws GtpkgError POLICY_MALFORMED */
export async function policyInForce(context: Context): Promise<PolicyInForce> {
  const { permitText, speaksOf } = await import('../../trust/keynote/index.js');
  const { readUserPolicy, readUserText } = await import('./trust-state.js');
  const { listSources } = await import('../places.js');
  const user = await readUserPolicy(context);
  const silent = (await listSources(context)).filter(({ name }) => !speaksOf(user, name));
  return {
    path: policyPath(context),
    text: await readUserText(context),
    defaults: silent.map(({ name }) => ({ source: name, text: permitText(name) })),
  };
}
