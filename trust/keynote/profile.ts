/**
 * gtpkg's use of KeyNote: which values, attributes and principals there are, and what becomes of a release. docs/formats/policy.md. Pure.
 *
 * A release is judged by the assertions of the user (local, unsigned), those of the one index that lists it (signed), and one that this program makes
 * for that index: `source:NAME` is worth what k of its roots are. The answer is the least of `"POLICY"` and of every `"REQUIRE …"` of the user:
 * KeyNote cannot take away, so what takes away is asked for beside it.
 */
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import { parseAssertions } from './assertion.js';
import { principalOf } from './credential.js';
import { evaluate, type Answer } from './evaluate.js';
import type { LintRules } from './lint.js';
import { principalsOf } from './parse-licensees.js';
import type { Assertion } from './syntax.js';
import { toBytes } from './text.js';

/** Compliance values, lowest first. */
export const VALUES = ['refuse', 'stage', 'manual', 'install', 'auto'] as const;
/** What may be done with a release: nothing; fetch it; install it when it is named; install it when it is needed; upgrade to it unasked. */
export type Compliance = (typeof VALUES)[number];

/** What app_domain is. */
export const DOMAIN = 'gtpkg';
/** Action attributes, all of them strings. */
export const ATTRIBUTES = [
  'app_domain',
  'action',
  'source',
  'distribution',
  'suite',
  'arch',
  'name',
  'version',
  'section',
  'signer',
  'vercmp',
  'sequence',
  'date',
  'scripts',
  'rights',
  'cosigners',
] as const;
export type AttributeName = (typeof ATTRIBUTES)[number];
export type Attributes = Readonly<Partial<Record<AttributeName, string>>>;

/** Attributes that the release itself tells, and its index entry does not. Until it is here each is taken for what serves it best. */
export const TOLD_BY_RELEASE = ['scripts', 'rights'] as const satisfies readonly AttributeName[];

/** Rules for `lint`. */
export const lintRules = (kind: LintRules['kind']): LintRules => ({
  kind,
  values: VALUES,
  attributes: ATTRIBUTES,
  domain: DOMAIN,
});

/** Who makes the request when an index lists a release, whoever signed it. */
export const LISTED = 'listed';
const POLICY = 'POLICY';
const REQUIRE = 'REQUIRE ';

/** The principal that stands for the roots of a source. */
export function sourcePrincipal(name: string): string {
  return `source:${name}`;
}

/** One source, as far as policy goes. */
export interface SourceTerms {
  /** its name on this machine */
  readonly name: string;
  readonly sequence: number;
  /** none where its state cannot be used: then nothing of it is accepted */
  readonly roots: readonly Fingerprint[];
  readonly threshold: number;
  /** its index has a policy of its own */
  readonly delegates: boolean;
  /** what that policy says; verified */
  readonly delegations: readonly Assertion[];
}

/** Whether an assertion may take away: the authorizer is a "REQUIRE …". */
export function isRequirement({ authorizer }: Assertion): boolean {
  return authorizer.startsWith(REQUIRE);
}

/**
 * The text of a policy that says what no policy says: whatever a source accepts may be installed, and upgraded to unasked.
 */
export function permitText(source: string): string {
  return [
    `Comment: whatever ${source} accepts`,
    `Authorizer: "${POLICY}"`,
    `Licensees: "${sourcePrincipal(source)}"`,
    `Conditions: app_domain == "${DOMAIN}" && source == "${source}" -> "auto";`,
    '',
  ].join('\n');
}

/** Whether the user's own assertions speak of a source's roots; if not, permitText holds for it. */
export function speaksOf(user: readonly Assertion[], source: string): boolean {
  return user.some(
    (each) => !isRequirement(each) && principalsOf(each.licensees).includes(sourcePrincipal(source)),
  );
}

/** What came of it. */
export interface Judgement {
  readonly value: Compliance;
  /** of each root of trust: POLICY first, then requirements by name */
  readonly roots: readonly { readonly principal: string; readonly value: Compliance }[];
  readonly answer: Answer;
}

/** What is asked about a release. */
export interface Case {
  /** those of TOLD_BY_RELEASE that are missing are not known yet */
  readonly attributes: Attributes;
  /** keys whose signatures it bears, its own signer and co-signers */
  readonly signers: readonly string[];
}

/**
 * Judges one release.
 * @param user - assertions of the user's own policy
 * @throws GtpkgError LIMIT_EXCEEDED
 */
export function judge(
  user: readonly Assertion[],
  terms: SourceTerms,
  { attributes, signers }: Case,
): Judgement {
  const requirements = [...new Set(user.filter(isRequirement).map(({ authorizer }) => authorizer))].sort();
  const answer = evaluate({
    requesters: [...new Set(signers.map(principalOf)), LISTED],
    attributes: Object.fromEntries(
      Object.entries({ ...attributes, app_domain: DOMAIN, source: terms.name }).map(([name, value]) => [
        name,
        toBytes(value),
      ]),
    ),
    unknown: TOLD_BY_RELEASE.filter((name) => attributes[name] === undefined),
    values: VALUES,
    assertions: [
      ...user,
      ...(speaksOf(user, terms.name) ? [] : made(permitText(terms.name), 'without a policy of yours')),
      ...(terms.roots.length === 0 ? [] : made(rootsText(terms), `${terms.name}, number ${terms.sequence}`)),
      // what is signed speaks for keys alone, whatever got this far
      ...terms.delegations.filter(({ authorizer }) => authorizer.startsWith('pgp:')),
    ],
  });
  const roots = [POLICY, ...requirements].map((principal) => ({ principal, worth: answer.worth(principal) }));
  const least = roots.reduce((a, b) => (b.worth < a.worth ? b : a));
  const name = (worth: number): Compliance => VALUES[worth] ?? 'refuse';
  return {
    value: name(least.worth),
    roots: roots.map(({ principal, worth }) => ({ principal, value: name(worth) })),
    answer,
  };
}

// The roots as authorised in the trusted state; and, where an index delegates nothing, its listing counts as their word.
function rootsText({ name, roots, threshold, delegates }: SourceTerms): string {
  const keys = roots.map((root) => `"${principalOf(root)}"`).join(', ');
  const listed = delegates ? '' : ` || "${LISTED}"`;
  return [
    `Comment: ${threshold} of the roots of ${name}${delegates ? '' : ', which accepts what it lists'}`,
    `Authorizer: "${sourcePrincipal(name)}"`,
    `Licensees: ${threshold}-of(${keys})${listed}`,
    `Conditions: app_domain == "${DOMAIN}";`,
    '',
  ].join('\n');
}

const MADE = new Map<string, readonly Assertion[]>();

// Texts of ours: a few for each source, each parsed once.
function made(text: string, where: string): readonly Assertion[] {
  const known = MADE.get(text);
  if (known !== undefined) return known;
  const { assertions, problems } = parseAssertions(toBytes(text), where);
  if (problems.length > 0)
    throw new GtpkgError('INTERNAL', `a policy of gtpkg's own does not parse: ${problems[0]?.message}`);
  const placed = assertions.map((assertion) => ({ ...assertion, where }));
  MADE.set(text, placed);
  return placed;
}

/** YYYYMMDDHHMMSS, UTC, as in RFC 2704's examples. */
export function policyDate(date: Date): string {
  return date.toISOString().slice(0, 19).replace(/\D/g, '');
}
