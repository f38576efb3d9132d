/** Derivations as trees that people can read, and what the trust commands changed. */
import { printable } from '../../model/bytes.js';
import type { AssertionNode, LicenseesNode, PrincipalNode } from '../../trust/keynote/index.js';
import type { Explained, Explanation } from '../workflows/trust-explain.js';
import type { RuleChange } from '../workflows/trust-rules.js';
import { out } from './colors.js';
import { oneLine } from './table.js';

/** One block a release: the answer, then the tree that leads there. */
export function renderExplanation({ releases }: Explanation): string {
  return releases.map(renderRelease).join('\n\n');
}

function renderRelease(release: Explained): string {
  const { name, version, architecture, source, suite, value, meaning, roots, installed } = release;
  const tell = new Teller(release.people);
  const [policy, ...requirements] = roots;
  // of the requirements, those that take something away
  const least = requirements.filter((each) => each.value !== 'auto');
  const head = `${oneLine(`${name} ${version} (${architecture}) of ${source}/${suite}`)}${installed ? ', installed' : ''}: ${paint(value)}`;
  return [
    head,
    `${meaning}; signed by ${tell.key(release.signer)}${release.cosigners.length === 0 ? '' : `, co-signed by ${release.cosigners.map((each) => tell.key(each)).join(', ')}`}`,
    ...(policy === undefined ? [] : tell.principal(policy.tree, '')),
    ...least.flatMap((each) => tell.principal(each.tree, '')),
    ...release.void.map(({ where, why }) => `${oneLine(where)} does not count: ${oneLine(why)}`),
  ].join('\n');
}

function paint(value: string): string {
  return value === 'refuse'
    ? out.red(value)
    : value === 'auto' || value === 'install'
      ? out.green(value)
      : out.yellow(value);
}

/** Assertions of one principal that are shown; a root of a large distribution has hundreds, `--json` has them all. */
const SHOWN = 6;

// How close an assertion comes to saying yes.
function nearness({ conditions, licensees }: AssertionNode): number {
  return (licensees.value === 'refuse' ? 0 : 2) + (conditions.value === 'refuse' ? 0 : 1);
}

/** Writes a tree, one line a node, two columns deeper for what it rests on. */
class Teller {
  readonly #people: Explained['people'];

  constructor(people: Explained['people']) {
    this.#people = people;
  }

  key(fingerprint: string): string {
    const who = this.#people[fingerprint];
    return who === undefined ? fingerprint : `${oneLine(who)} (${fingerprint.slice(-16)})`;
  }

  #name(principal: string): string {
    const [, hex] = /^pgp:([0-9a-f]{40})$/.exec(principal) ?? [];
    if (hex !== undefined) return this.key(hex.toUpperCase());
    return principal === 'listed' ? 'the index, which lists it' : oneLine(principal);
  }

  principal(node: PrincipalNode, indent: string): string[] {
    const said = node.requester
      ? node.principal === 'listed'
        ? ''
        : ': signed it'
      : `: ${paint(node.value)}`;
    const line = `${indent}${this.#name(node.principal)}${said}${node.seen ? ' (see above)' : ''}`;
    if (node.requester || node.seen) return [line];
    if (node.by.length === 0)
      return [
        node.principal.startsWith('pgp:')
          ? `${indent}${this.#name(node.principal)}: did not sign it`
          : `${line}, nobody says so`,
      ];
    const near = [...node.by].sort((a, b) => nearness(b) - nearness(a)).slice(0, SHOWN);
    const rest = node.by.length - near.length;
    return [
      line,
      ...near.flatMap((each) => this.#assertion(each, `${indent}  `)),
      ...(rest > 0 ? [`${indent}  and ${rest} more that say nothing of it`] : []),
    ];
  }

  #assertion(node: AssertionNode, indent: string): string[] {
    const comment =
      node.comment === undefined ? '' : `: ${oneLine(printable(node.comment).replace(/\s+/g, ' '))}`;
    const { conditions, licensees } = node;
    return [
      `${indent}${oneLine(node.where)}${out.dim(comment)}`,
      ...conditions.holding.map((test, i) => {
        // of what is not known yet: it may hold
        const later = i === conditions.holding.length - 1 ? conditions.assumed.join(' and ') : '';
        const mark = later === '' ? out.green('✓') : out.yellow('?');
        const note = later === '' ? '' : `  (${later}: known once it is here)`;
        return `${indent}  ${mark} ${oneLine(test)}${conditions.value === 'auto' ? '' : ` -> ${conditions.value}`}${note}`;
      }),
      ...conditions.failing.map(({ test, attributes, error }) => {
        const values = Object.entries(attributes).map(([name, value]) => `${name} is "${value}"`);
        const why = error ?? values.join(', ');
        return `${indent}  ${out.red('✗')} ${oneLine(test)}${why === '' ? '' : `  (${oneLine(why)})`}`;
      }),
      ...licensees.of.flatMap((each) => this.#licensees(each, `${indent}  `)),
    ];
  }

  #licensees(node: LicenseesNode, indent: string): string[] {
    if (!('needs' in node)) return this.principal(node, indent);
    return [
      `${indent}${node.needs}: ${paint(node.value)}`,
      ...node.of.flatMap((each) => this.#licensees(each, `${indent}  `)),
    ];
  }
}

/** What became of a rule, and the rule. */
export function renderRule({ rule, path, text, changed, undone, dryRun }: RuleChange): string {
  const [done, would, same] = undone
    ? ['Taken out of', 'Would be taken out of', 'Nothing to take out of']
    : ['Written to', 'Would be written to', 'Stands already in'];
  const block = text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${oneLine(line)}`))
    .join('\n');
  const undo = undone || dryRun ? '' : `\n\nTo undo it: ${rule} --undo`;
  return `${changed ? (dryRun ? would : done) : same} ${path}:\n\n${block}${undo}`;
}
