/** Questions about why: why, why-not, depends, rdepends. Reads the root and the compiled indexes, nothing else. */
import { formatClause, type Clause } from '../../model/relation.js';
import { GtpkgError } from '../../model/errors.js';
import { compareVersions } from '../../model/version.js';
import type { Relations } from '../../model/control.js';
import type { Candidate } from '../../model/universe.js';
import type { Explanation, NeedLink, Why } from '../../resolver/index.js';
import type { Context } from '../context.js';
import { decide, installedCandidate } from './decide.js';
import { installedByName } from './list.js';
import { OfferedUniverse, openSources, type OfferedCandidate } from './offers.js';
import type { KeptBack } from './kept-back.js';
import { notFound, notInstalled, parseWanted, someWords } from './versions.js';

/** Why one installed package is there. */
export interface WhyInstalled extends Omit<Why, 'chain'> {
  readonly chain: readonly (Omit<NeedLink, 'clause'> & { readonly relation: string })[];
}

/** Each by a shortest way from something that the user wanted. @throws GtpkgError NOT_INSTALLED, USAGE */
export async function whyPackages(context: Context, names: readonly string[]): Promise<WhyInstalled[]> {
  const { whyInstalled } = await import('../../resolver/why.js');
  const status = installedByName(context);
  const universe = new OfferedUniverse([]);
  const installed = [...status.values()].map((each) => ({
    candidate: installedCandidate(each, universe),
    manual: !each.auto,
    held: each.held,
  }));
  const out: WhyInstalled[] = [];
  for (const name of someWords(names, 'package')) {
    if (!status.has(name)) throw await notInstalled(name, status.keys(), context.settings.root);
    const why = whyInstalled({ installed, architecture: context.architecture }, name);
    const chain = why.chain.map(({ clause, ...link }) => ({ ...link, relation: formatClause(clause) }));
    out.push({ ...why, chain });
  }
  return out;
}

/** Why a package is not there, or not in a newer version. */
export interface WhyNot {
  readonly name: string;
  readonly answer: 'impossible' | 'held back' | 'possible' | 'installed';
  readonly installed: string | null;
  /** the release that could be, or could not */
  readonly version: string | null;
  /** for people */
  readonly sentences: readonly string[];
  readonly explanation: Explanation | null;
}

/** The proof that a package cannot be installed, or that nothing stands in the way. @throws GtpkgError as decide, but for NO_SOLUTION and POLICY_REFUSED */
export async function whyNot(context: Context, word: string): Promise<WhyNot> {
  const { name } = parseWanted(word);
  const installed = installedByName(context).get(name)?.version ?? null;
  const answer = (kind: WhyNot['answer'], version: string | null, ...sentences: string[]): WhyNot => ({
    name,
    answer: kind,
    installed,
    version,
    sentences,
    explanation: null,
  });
  try {
    const request = { kind: 'install', words: [word], recommends: false, dependencies: true } as const;
    const { plan } = await decide(context, request);
    const back = plan.heldBack.find((each) => each.name === name);
    if (back !== undefined)
      return answer(
        'held back',
        back.available.version,
        `${name} stays at ${back.installed.version}: ${back.reason}.`,
      );
    // a name that only others provide stands for its provider
    const step = plan.steps.find((each) => each.name === name) ?? plan.steps.find((each) => each.manual);
    if (step?.to === undefined)
      return answer(
        'installed',
        installed,
        `${name} ${installed ?? ''} is installed, and nothing newer is offered.`,
      );
    const more = plan.steps.length - 1;
    return answer(
      'possible',
      step.to.version,
      `Nothing stands in the way: gtpkg install ${word} brings ${step.name} ${step.to.version}${more === 0 ? '' : ` and changes ${more} more package${more === 1 ? '' : 's'}`}.`,
    );
  } catch (error) {
    if (!(error instanceof GtpkgError)) throw error;
    if (error.code === 'POLICY_REFUSED') {
      const said = `${error.message.slice(0, 1).toUpperCase()}${error.message.slice(1)}.`;
      return answer('impossible', null, said, `gtpkg trust explain ${name} says why.`);
    }
    if (error.code !== 'NO_SOLUTION') throw error;
    const explanation = error.data['explanation'] as Explanation;
    const kept = (error.data['keptBack'] ?? []) as readonly KeptBack[];
    const policy = kept.map(
      (each) =>
        `The policy keeps back ${each.name} ${each.version}: gtpkg trust explain ${each.name} says why.`,
    );
    return { ...answer('impossible', null, ...explanation.sentences, ...policy), explanation };
  }
}

const FIELDS = [
  ['Pre-Depends', 'preDepends'],
  ['Depends', 'depends'],
  ['Recommends', 'recommends'],
  ['Suggests', 'suggests'],
  ['Enhances', 'enhances'],
  ['Conflicts', 'conflicts'],
  ['Breaks', 'breaks'],
  ['Replaces', 'replaces'],
  ['Provides', 'provides'],
] as const;

/** A line of depends. */
export interface Dependency {
  readonly field: (typeof FIELDS)[number][0];
  readonly relation: string;
  /** packages that would do (or, of Conflicts and Breaks, are meant), those that are installed first */
  readonly by: readonly { readonly name: string; readonly installed: boolean }[];
}

/** One release and what it says of others. */
export interface Dependencies {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly dependencies: readonly Dependency[];
}

/** What a package needs, gives and excludes: the installed release, else the one that is meant, else the newest. */
export async function dependenciesOf(context: Context, word: string): Promise<Dependencies> {
  const { satisfies } = await import('../../resolver/match.js');
  const wanted = parseWanted(word);
  const universe = new OfferedUniverse(await openSources(context));
  universe.checkSource(wanted.source);
  const status = installedByName(context);
  const here = status.get(wanted.name);
  const { architecture } = context;
  const native = (each: Candidate): boolean =>
    each.architecture === 'all' || each.architecture === architecture;
  const plain = word === wanted.name;
  const offered = universe
    .versions(wanted.name)
    .filter(native)
    .filter((each) => wanted.version === undefined || each.version === wanted.version)
    .filter((each) => wanted.suite === undefined || each.suite === wanted.suite)
    .filter((each) => wanted.source === undefined || each.source === wanted.source)
    .sort((a, b) => compareVersions(b.version, a.version));
  const release: Candidate | undefined =
    here !== undefined && plain ? installedCandidate(here, universe) : offered[0];
  if (release === undefined) throw await notFound(word, universe.names(), 'in any source');
  const by = (clause: Clause): Dependency['by'] => {
    const names = clause.flatMap((relation) =>
      [...universe.versions(relation.name), ...universe.providers(relation.name)]
        .filter((each) => native(each) && satisfies(each, relation, { owner: release, native: architecture }))
        .map(({ name }) => name),
    );
    return [...new Set(names)]
      .map((name) => ({ name, installed: status.has(name) }))
      .sort((a, b) => Number(b.installed) - Number(a.installed));
  };
  return {
    name: release.name,
    version: release.version,
    source: release.source,
    dependencies: FIELDS.flatMap(([field, key]) =>
      clausesOf(release.relations, key).map((clause) => ({
        field,
        relation: formatClause(clause),
        by: field === 'Provides' ? [] : by(clause),
      })),
    ),
  };
}

function clausesOf(relations: Relations, key: keyof Relations): readonly Clause[] {
  return relations[key].map((each) => ('name' in each ? [each] : each));
}

/** A release that names a package, and how. */
export interface ReverseDependency {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly field: (typeof FIELDS)[number][0];
  readonly relation: string;
  readonly installed: boolean;
}

/** Everything that names a package in a relation, by name; of each source and name the newest release. @throws GtpkgError PACKAGE_NOT_FOUND */
export async function dependentsOn(
  context: Context,
  name: string,
): Promise<{ readonly name: string; readonly dependents: readonly ReverseDependency[] }> {
  const sources = await openSources(context);
  const universe = new OfferedUniverse(sources);
  const status = installedByName(context);
  if (universe.versions(name).length + universe.providers(name).length === 0 && !status.has(name))
    throw await notFound(name, universe.names(), 'in any source');
  const best = new Map<string, OfferedCandidate>();
  for (const { source, query } of sources) {
    for (const { pin } of query.mentioning(name)) {
      const all = universe.versions(pin.name).filter((each) => each.source === source.name);
      for (const each of all) {
        const known = best.get(`${each.name} ${each.source}`);
        if (known === undefined || compareVersions(each.version, known.version) > 0)
          best.set(`${each.name} ${each.source}`, each);
      }
    }
  }
  const dependents = [...best.values()].flatMap((each) =>
    FIELDS.filter(([field]) => field !== 'Provides').flatMap(([field, key]) =>
      clausesOf(each.relations, key)
        .filter((clause) => clause.some((relation) => relation.name === name))
        .map((clause) => ({
          name: each.name,
          version: each.version,
          source: each.source,
          field,
          relation: formatClause(clause),
          installed: status.has(each.name),
        })),
    ),
  );
  dependents.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { name, dependents };
}
