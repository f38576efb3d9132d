/**
 * A request in, a plan or a proven "no" out.
 *
 * Complete: if any set of packages meets the request, a plan is found. Pure: reads the universe, writes nothing.
 */
import type { Candidate } from '../model/universe.js';
import { qualify } from './architectures.js';
import { minimise } from './core.js';
import { explain, explainRelease, type Explanation } from './explain.js';
import { readFacts, type Reason } from './facts.js';
import { unneeded } from './needed.js';
import { makePlan, type HeldBack, type Plan } from './plan.js';
import type { Problem } from './problem.js';
import { Rules } from './rules.js';
import type { Fact } from './origin.js';
import { Search } from './search.js';
import { State } from './state.js';
import { isRoot } from './why.js';

/** The answer. */
export type Resolution =
  | { readonly kind: 'solution'; readonly plan: Plan }
  | { readonly kind: 'conflict'; readonly explanation: Explanation };

/** Packages held back that are told exactly why; each costs a search. */
const MAX_EXPLAINED = 50;

type Found =
  | { readonly chosen: readonly Candidate[]; readonly rules: Rules; readonly search: Search }
  | { readonly facts: readonly Fact[]; readonly rules: Rules };

/**
 * @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, NOT_INSTALLED for names that mean nothing;
 * BAD_VERSION for a malformed wish; LIMIT_EXCEEDED where the search is hopeless
 */
export function resolve(question: Problem): Resolution {
  const problem = qualify(question);
  if (problem.request.kind === 'autoremove') return autoremove(problem);
  const found = find(problem);
  if ('facts' in found) return { kind: 'conflict', explanation: explain(found.facts, found.rules, attempt) };
  const { chosen, rules, search } = found;
  const asked = new Set(rules.wishes.keys());
  const heldBack = findHeldBack(chosen, rules, search);
  return { kind: 'solution', plan: makePlan({ problem, chosen, asked, heldBack }) };
}

// A removal takes away only, and adds or changes something only where a manual package could not stay otherwise.
function find(problem: Problem): Found {
  if (problem.request.kind === 'remove') {
    const narrow = new Rules(problem, 'narrow');
    const search = new Search(narrow);
    const chosen = search.solve();
    if (chosen !== undefined) return { chosen, rules: narrow, search };
  }
  const rules = new Rules(problem);
  const search = new Search(rules);
  const chosen = search.solve();
  return chosen === undefined ? { facts: search.core, rules } : { chosen, rules, search };
}

function attempt(problem: Problem): readonly Reason[] | undefined {
  const found = find(problem);
  return 'facts' in found ? readFacts(minimise(found.facts).facts, found.rules) : undefined;
}

function autoremove(problem: Problem): Resolution {
  const before = problem.installed.map(({ candidate }) => candidate);
  const state = new State(before, problem.architecture);
  const roots = problem.installed.filter(isRoot).map(({ candidate }) => candidate.name);
  const gone = new Set(unneeded(state, roots));
  const chosen = before.filter(({ name }) => !gone.has(name));
  return { kind: 'solution', plan: makePlan({ problem, chosen, asked: new Set(), heldBack: [] }) };
}

function findHeldBack(chosen: readonly Candidate[], rules: Rules, search: Search): HeldBack[] {
  const byName = new Map(chosen.map((candidate) => [candidate.name, candidate]));
  const wanted =
    rules.problem.request.kind === 'upgrade'
      ? rules.wanted().map(({ candidate }) => candidate.name)
      : [...rules.wishes.keys()];
  const heldBack: HeldBack[] = [];
  for (const name of wanted.sort()) {
    const installed = rules.pool.installed(name)?.candidate;
    const best = rules.pool.named(name).find((candidate) => {
      const why = rules.exclusion(candidate);
      return why === undefined || why === 'held';
    });
    if (installed === undefined || best === undefined || best === byName.get(name) || best === installed)
      continue;
    const reason = reasonHeldBack(best, heldBack.length < MAX_EXPLAINED);
    heldBack.push(Object.freeze({ name, installed, available: best, reason }));
  }
  return heldBack;

  function reasonHeldBack(best: Candidate, explained: boolean): string {
    if (rules.exclusion(best) === 'held') return 'it is held';
    if (!explained) return 'it does not fit with what is installed';
    if (search.possible(best)) return 'it does not fit with the other changes';
    return explainRelease(search.core, best.name, rules);
  }
}
