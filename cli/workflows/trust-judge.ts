/**
 * Policy where it decides: which of the offered releases a request may take, and, once a release is verified, whether it still may.
 *
 * Judged twice. Before anything is fetched by what the signed index entry says; what it cannot say (whether there are maintainer scripts, which
 * rights files lend) is taken for what serves the release best. And again by what was verified, right before the root is changed.
 */
import { compareVersions, GtpkgError, type VerifiedRelease } from '../../model/index.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { Assertion, Attributes, Case, Compliance, Judgement } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import type { ChangeRequest } from './decide.js';
import type { OfferedCandidate, OpenSource } from './offers.js';
import { readCosigners, type Cosigners } from './cosigners.js';
import { refused, type KeptBack } from './kept-back.js';
import { readUserPolicy, sourcePolicy, type SourcePolicy } from './trust-state.js';
import { toldBy } from './trust-told.js';
import { parseWanted } from './versions.js';

type KeyNote = typeof import('../../trust/keynote/index.js');

/** The parts of a candidate that policy looks at. */
export type Offered = Pick<
  OfferedCandidate,
  'name' | 'version' | 'architecture' | 'source' | 'suite' | 'offer'
>;

/** What is to be taken for given, to see what would come of it. */
export interface Supposed {
  readonly signers?: readonly string[] | undefined;
  readonly delegations?: readonly Assertion[];
}

/** Judges what some sources offer. */
export class Judge {
  readonly #keynote: KeyNote;
  readonly #context: Context;
  readonly #user: readonly Assertion[];
  /** by source: what was checked when its index came */
  readonly #cosigners: ReadonlyMap<string, Cosigners>;
  readonly #terms: ReadonlyMap<string, SourcePolicy>;
  readonly #installed: ReadonlyMap<string, InstalledPackage>;
  readonly #known = new Map<string, Compliance>();
  readonly #keptBack = new Map<string, KeptBack>();
  #need: (name: string) => Compliance = () => 'manual';

  private constructor(
    parts: {
      keynote: KeyNote;
      context: Context;
      user: readonly Assertion[];
      cosigners: ReadonlyMap<string, Cosigners>;
    },
    terms: ReadonlyMap<string, SourcePolicy>,
    installed: ReadonlyMap<string, InstalledPackage>,
  ) {
    this.#keynote = parts.keynote;
    this.#context = parts.context;
    this.#user = parts.user;
    this.#cosigners = parts.cosigners;
    this.#terms = terms;
    this.#installed = installed;
  }

  /**
   * @param options.always - also where there is no policy at all, and everything is accepted
   * @param options.user - a policy in place of the user's own
   * @returns undefined where there is nothing to judge by
   * @throws GtpkgError POLICY_MALFORMED, INDEX_CORRUPT
   */
  static async open(
    context: Context,
    given: {
      readonly sources: readonly Pick<OpenSource, 'source'>[];
      readonly status: readonly InstalledPackage[];
    },
    options: { readonly always?: boolean; readonly user?: readonly Assertion[] | undefined } = {},
  ): Promise<Judge | undefined> {
    const user = options.user ?? (await readUserPolicy(context));
    const terms = new Map<string, SourcePolicy>();
    for (const { source } of given.sources) terms.set(source.name, await sourcePolicy(context, source));
    const nothing = user.length === 0 && [...terms.values()].every(({ delegates }) => !delegates);
    if (nothing && options.always !== true) return undefined;
    const keynote = await import('../../trust/keynote/index.js');
    const installed = new Map(
      given.status.filter((each) => each.state === 'installed').map((each) => [each.name, each]),
    );
    const cosigners = new Map<string, Cosigners>();
    for (const { source } of given.sources) {
      const commit = terms.get(source.name)?.commit;
      if (commit !== undefined) cosigners.set(source.name, await readCosigners(source, commit));
    }
    return new Judge({ keynote, context, user, cosigners }, terms, installed);
  }

  /** Which value each name needs from now on: what is named by hand less, what nobody asked for more. */
  for(request: ChangeRequest): this {
    const named = new Set(
      'words' in request && request.kind !== 'remove'
        ? request.words.map((word) => parseWanted(word).name)
        : [],
    );
    const unasked = request.kind === 'upgrade' && named.size === 0;
    this.#need = (name) =>
      named.has(name) ? 'manual' : unasked && this.#installed.has(name) ? 'auto' : 'install';
    return this;
  }

  /** Whether a release may be taken for the request; what may not is remembered. */
  readonly accepts = (candidate: Offered): boolean => {
    const value = this.value(candidate);
    const { VALUES } = this.#keynote;
    if (VALUES.indexOf(value) >= VALUES.indexOf(this.#need(candidate.name))) return true;
    const { name, version, source, suite } = candidate;
    this.#keptBack.set(`${name} ${version} ${source} ${suite}`, { name, version, source, suite, value });
    return false;
  };

  /** What the policy keeps back, of what was asked about. */
  get keptBack(): readonly KeptBack[] {
    return [...this.#keptBack.values()];
  }

  /** The best that can become of a release, as far as its entry tells. */
  value(candidate: Offered): Compliance {
    const { pin } = candidate.offer;
    const key = `${candidate.source} ${candidate.suite} ${pin.tag}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = this.#best(candidate);
    this.#known.set(key, value);
    return value;
  }

  #best(candidate: Offered): Compliance {
    try {
      return this.judge(candidate).value;
    } catch (error) {
      // trust explain says so; one source's policy must not stop what others offer
      if (error instanceof GtpkgError && error.code === 'LIMIT_EXCEEDED') return 'refuse';
      throw error;
    }
  }

  /**
   * One judgement with its derivation.
   * @param known - attributes in place of what the entry says
   * @param suppose - keys in place of the release's own, and assertions that its index is to have
   */
  judge(candidate: Offered, known: Attributes = {}, suppose: Supposed = {}): Judgement {
    const terms = this.terms(candidate.source);
    const { attributes, signers } = this.case(candidate, known);
    const { signers: others, delegations = [] } = suppose;
    const [first] = others ?? [];
    const changed =
      first === undefined
        ? {}
        : { signer: this.#keynote.principalOf(first), cosigners: String((others?.length ?? 1) - 1) };
    return this.#keynote.judge(
      this.#user,
      {
        ...terms,
        delegates: terms.delegates || delegations.length > 0,
        delegations: [...terms.delegations, ...delegations],
      },
      { attributes: { ...attributes, ...changed, ...known }, signers: others ?? signers },
    );
  }

  /** What is asked about a release. */
  case({ name, version, architecture, source, suite, offer }: Offered, known: Attributes = {}): Case {
    const { distribution, sequence } = this.terms(source);
    const cosigners = this.#cosigners.get(source)?.get(offer.pin.tag) ?? [];
    const installed = this.#installed.get(name);
    const order = installed === undefined ? 1 : compareVersions(version, installed.version);
    const attributes: Attributes = {
      action: 'release',
      distribution,
      suite,
      arch: architecture,
      name,
      version,
      section: offer.control.section,
      signer: this.#keynote.principalOf(offer.pin.signer),
      vercmp: order > 0 ? 'newer' : order < 0 ? 'older' : 'same',
      sequence: String(sequence),
      date: this.#keynote.policyDate(this.#context.now),
      cosigners: String(cosigners.length),
      ...known,
    };
    return { attributes, signers: [offer.pin.signer, ...cosigners] };
  }

  /** @throws GtpkgError SOURCE_NOT_FOUND */
  terms(source: string): SourcePolicy {
    const terms = this.#terms.get(source);
    if (terms === undefined)
      throw new GtpkgError('SOURCE_NOT_FOUND', `there is no source "${source}", or it was never fetched`);
    return terms;
  }

  /**
   * Judges releases again by what was verified. Nothing of them has been placed yet.
   * @throws GtpkgError POLICY_REFUSED
   */
  confirm(releases: readonly { readonly candidate: Offered; readonly release: VerifiedRelease }[]): void {
    const { VALUES } = this.#keynote;
    for (const { candidate, release } of releases) {
      const told = toldBy(release);
      const { value } = this.judge(candidate, told);
      if (VALUES.indexOf(value) < VALUES.indexOf(this.#need(candidate.name)))
        throw refused([{ ...candidate, value }], told);
    }
  }
}
