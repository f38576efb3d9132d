/**
 * Why an installed package is there: the shortest way from something the user wanted.
 */
import { GtpkgError } from '../model/errors.js';
import { formatClause } from '../model/relation.js';
import { reach, wayTo, type NeedLink } from './needed.js';
import type { Installed, Problem } from './problem.js';
import { State } from './state.js';

/** `chain` is empty unless `kind` is `needed`; its first step starts at a package that stays for its own sake. */
export interface Why {
  readonly name: string;
  readonly version: string;
  readonly kind: 'manual' | 'essential' | 'held' | 'needed' | 'unneeded';
  readonly chain: readonly NeedLink[];
  /** one sentence for the user */
  readonly text: string;
}

/** Packages that stay for their own sake. */
export function isRoot(installed: Installed): boolean {
  return installed.manual || installed.held || installed.candidate.essential;
}

const VERB = {
  'Pre-Depends': 'pre-depends on',
  Depends: 'depends on',
  Recommends: 'recommends',
  Suggests: 'suggests',
} as const;

/** @throws GtpkgError NOT_INSTALLED */
export function whyInstalled(problem: Pick<Problem, 'installed' | 'architecture'>, name: string): Why {
  const installed = problem.installed.find(({ candidate }) => candidate.name === name);
  if (installed === undefined)
    throw new GtpkgError('NOT_INSTALLED', `${name} is not installed`, { data: { name } });
  const { version } = installed.candidate;
  const plain = (kind: Why['kind'], text: string): Why => ({ name, version, kind, chain: [], text });
  if (installed.manual) return plain('manual', `${name} ${version} is there because you installed it.`);
  if (installed.candidate.essential)
    return plain('essential', `${name} ${version} is essential: it always stays.`);
  const state = new State(
    problem.installed.map(({ candidate }) => candidate),
    problem.architecture,
  );
  const roots = problem.installed.filter(isRoot).map(({ candidate }) => candidate.name);
  const chain = wayTo(
    reach(
      state,
      roots.filter((root) => root !== name),
    ),
    name,
  );
  const [first] = chain;
  if (first === undefined) {
    if (installed.held) return plain('held', `${name} ${version} is there because you hold it.`);
    return plain('unneeded', `${name} ${version} came as a dependency and nothing needs it any more.`);
  }
  const steps = chain.map((link) => {
    const [only] = link.clause;
    const plain = link.clause.length === 1 && only?.name === link.to;
    return `${VERB[link.field]} ${formatClause(link.clause)}${plain ? '' : `, which ${link.to} satisfies`}`;
  });
  const start = problem.installed.find(({ candidate }) => candidate.name === first.from);
  const because =
    start?.manual === true
      ? 'which you installed'
      : start?.held === true
        ? 'which you hold'
        : 'which is essential';
  const text = `${first.from} ${first.fromVersion}, ${because}, ${steps.join('; that ')}.`;
  return { name, version, kind: 'needed', chain, text };
}
