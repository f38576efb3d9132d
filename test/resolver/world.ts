/**
 * Small universes written down in a line a release:
 * `name version; Depends: a (>= 1) | b; Conflicts: c; Multi-Arch: allowed; Suite: s; flags…`
 * Flags of what is installed: manual (default), auto, held.
 */
import { Paragraph, relationsOf, type Candidate, type MultiArch, type Universe } from '../../model/index.js';
import {
  opensToAll,
  rankOf,
  type Installed,
  type Pin,
  type Plan,
  type Policy,
  type Problem,
  type Request,
  type Resolution,
  type Target,
} from '../../resolver/index.js';

/** One release from one line. */
export function release(line: string): Candidate {
  const [head = '', ...rest] = line.split(';').map((part) => part.trim());
  const [name = '', version = '1', architecture = 'amd64'] = head.split(/\s+/);
  const fields = Paragraph.of(
    rest
      .filter((part) => part.includes(': '))
      .map((part) => [part.slice(0, part.indexOf(':')), part.slice(part.indexOf(':') + 1).trim()]),
  );
  return {
    name,
    version,
    architecture,
    multiArch: (fields.get('Multi-Arch') ?? 'no') as MultiArch,
    essential: fields.get('Essential') === 'yes',
    source: fields.get('Source') ?? 'main',
    suite: fields.get('Suite') ?? 'stable',
    relations: relationsOf(fields),
    installedSize: Number(fields.get('Installed-Size') ?? 10),
    downloadSize: Number(fields.get('Size') ?? 1000),
  };
}

/** A universe that makes its answers anew each time, as a lazy one may. */
export function universeOf(candidates: readonly Candidate[]): Universe {
  return {
    versions: (name) =>
      candidates.filter((candidate) => candidate.name === name).map((candidate) => ({ ...candidate })),
    providers: (name) =>
      candidates.filter((candidate) => candidate.relations.provides.some((given) => given.name === name)),
  };
}

/** What is written as `a 1; auto` → installed. */
export function installedFrom(line: string): Installed {
  const parts = line.split(';').map((part) => part.trim());
  const candidate = { ...release(line), source: '', suite: '' };
  return { candidate, manual: !parts.includes('auto'), held: parts.includes('held') };
}

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** `a=1`, `b/suite`, `c` as the user types them. */
export function target(text: string): Target {
  const match = /^([^=/]+)(?:=([^/]+))?(?:\/(.+))?$/.exec(text);
  return {
    name: match?.[1] ?? text,
    ...(match?.[2] === undefined ? {} : { version: match[2] }),
    ...(match?.[3] === undefined ? {} : { suite: match[3] }),
  };
}

/** `install a b=1 --no-recommends`, `upgrade --full`, `remove --purge a`, `autoremove`. */
export function requestFrom(text: string): Request {
  const [kind, ...words] = text.trim().split(/\s+/);
  const flags = new Set(words.filter((word) => word.startsWith('--')));
  const names = words.filter((word) => !word.startsWith('--'));
  const recommends = !flags.has('--no-recommends');
  const dependencies = !flags.has('--no-deps');
  if (kind === 'install') return { kind, targets: names.map(target), recommends, dependencies };
  if (kind === 'upgrade')
    return {
      kind,
      ...(names.length > 0 ? { names } : {}),
      full: flags.has('--full'),
      recommends,
      dependencies,
    };
  if (kind === 'remove')
    return { kind, names, purge: flags.has('--purge'), essential: flags.has('--essential') };
  return { kind: 'autoremove', purge: flags.has('--purge') };
}

/** `name/suite@source 990` a line → the policy that the command line makes of such pins. */
export function policyFrom(text: string): Policy | undefined {
  const pins = lines(text).map((line): Pin => {
    const [, name = '', version, suite, source, priority] =
      /^([^=/@\s]+)(?:=([^/@\s]+))?(?:\/([^@\s]+))?(?:@(\S+))? (-?\d+)$/.exec(line) ?? [];
    const about = { version, suite, source };
    return { packages: [name], ...defined(about), priority: Number(priority) };
  });
  if (text.trim() === '') return undefined;
  return {
    priority: (candidate) => rankOf(pins, candidate).priority,
    allows: (owner, candidate) =>
      owner.source === candidate.source || owner.source === '' || opensToAll(pins, candidate),
  };
}

const defined = <T extends object>(some: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined)) as never;

/** A problem from three texts; `--i386` lets that architecture in beside amd64. */
export function problemOf(request: string, packages: string, installed = ''): Problem {
  return {
    universe: universeOf(lines(packages).map(release)),
    installed: lines(installed).map(installedFrom),
    request: requestFrom(request),
    architecture: 'amd64',
    ...(/ --i386\b/.test(request) ? { foreign: ['i386'] } : {}),
  };
}

/** A plan in a line: `+new=1 ^upgraded=2 vdowngraded=1 =again=1 -removed`, in order. */
export function summary(plan: Plan): string {
  const sign = { install: '+', upgrade: '^', downgrade: 'v', reinstall: '=', remove: '-' } as const;
  return plan.steps
    .map((step) => `${sign[step.kind]}${step.name}${step.to === undefined ? '' : `=${step.to.version}`}`)
    .join(' ');
}

/** A whole answer as text, as golden files hold it. */
export function answerText(resolution: Resolution): string {
  if (resolution.kind === 'conflict') return ['no', ...resolution.explanation.sentences].join('\n');
  const { plan } = resolution;
  return [
    'yes',
    ...plan.steps.map((step) => {
      const versions = [step.from?.version, step.to?.version]
        .filter((version) => version !== undefined)
        .join(' → ');
      return `${step.kind} ${step.name} ${versions} (${step.manual ? 'manual' : 'auto'}): ${step.reason}`;
    }),
    ...plan.marks.map(({ name, manual }) => `mark ${name} ${manual ? 'manual' : 'auto'}`),
    ...plan.heldBack.map(
      (held) =>
        `held back ${held.name} ${held.installed.version}, not ${held.available.version}: ${held.reason}`,
    ),
    ...(plan.autoremovable.length > 0 ? [`no longer needed: ${plan.autoremovable.join(' ')}`] : []),
    ...plan.missed.map(({ name, relation }) => `${name} recommends ${relation}, which is not to be had`),
    ...plan.unmet.map((unmet) => `unmet: ${unmet.name} ${unmet.version} ${unmet.field} ${unmet.relation}`),
  ].join('\n');
}
