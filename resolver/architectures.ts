/**
 * Packages for other architectures than the root's own, as `dpkg --add-architecture` lets in.
 *
 * Inside the resolver every package that may be there beside another has a name of its own: `libc6` for the native architecture and for
 * `all`, `libc6:i386` for a foreign one, as dpkg and apt write it. Whatever goes by name (wishes, holds, marks, one version at a time)
 * then needs to know nothing of architectures; only relations do, and match.ts has their rules. A problem without foreign
 * architectures passes through untouched.
 */
import type { Candidate, Universe } from '../model/universe.js';
import type { Problem, Request } from './problem.js';

/** `libc6:i386` → `libc6`. */
export function packageOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

/** The architecture for which a release works: what is for `all` counts as native. */
export function placeOf({ architecture }: Pick<Candidate, 'architecture'>, native: string): string {
  return architecture === 'all' ? native : architecture;
}

/** The name inside the resolver of a package for an architecture. */
export function nameFor(name: string, architecture: string, native: string): string {
  return architecture === native || architecture === 'all' ? name : `${name}:${architecture}`;
}

/** A release for a foreign architecture under its own name. Essential is what the machine cannot do without: nothing foreign is (as in apt). */
class Instance implements Candidate {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: Candidate['multiArch'];
  readonly essential = false;
  readonly source: string;
  readonly suite: string;
  readonly installedSize: number;
  readonly downloadSize: number;
  readonly #release: Candidate;

  constructor(release: Candidate) {
    this.name = `${release.name}:${release.architecture}`;
    this.version = release.version;
    this.architecture = release.architecture;
    this.multiArch = release.multiArch;
    this.source = release.source;
    this.suite = release.suite;
    this.installedSize = release.installedSize;
    this.downloadSize = release.downloadSize;
    this.#release = release;
  }

  get relations(): Candidate['relations'] {
    return this.#release.relations;
  }
}

/** The same problem, with every foreign package under its own name; releases for architectures that the root does not take are left out. */
export function qualify(problem: Problem): Problem {
  const { foreign = [], architecture: native, universe } = problem;
  if (foreign.length === 0) return problem;
  const made = new Map<Candidate, Candidate>();
  const own = (release: Candidate): Candidate => {
    if (placeOf(release, native) === native) return release;
    const known = made.get(release);
    if (known !== undefined) return known;
    const instance = new Instance(release);
    made.set(release, instance);
    return instance;
  };
  const taken = (release: Candidate): boolean =>
    placeOf(release, native) === native || foreign.includes(release.architecture);
  const named = (name: string): string => (name.endsWith(`:${native}`) ? packageOf(name) : name);
  const qualified: Universe = {
    versions: (name) =>
      universe
        .versions(packageOf(name))
        .filter((release) => taken(release) && nameFor(release.name, release.architecture, native) === name)
        .map(own),
    providers: (name) => universe.providers(name).filter(taken).map(own),
  };
  return {
    ...problem,
    universe: qualified,
    installed: problem.installed
      .filter(({ candidate }) => taken(candidate))
      .map((one) => ({ ...one, candidate: own(one.candidate) })),
    request: renamed(problem.request, named),
  };
}

function renamed(request: Request, named: (name: string) => string): Request {
  switch (request.kind) {
    case 'install':
      return {
        ...request,
        targets: request.targets.map((target) => ({ ...target, name: named(target.name) })),
      };
    case 'upgrade':
      return request.names === undefined ? request : { ...request, names: request.names.map(named) };
    case 'remove':
      return { ...request, names: request.names.map(named) };
    case 'autoremove':
      return request;
  }
}

/** What is remembered of things by identity, apart for each architecture that asks. */
export class ByArchitecture<Key, Value> {
  readonly #native: string;
  readonly #own = new Map<Key, Value>();
  readonly #others = new Map<string, Map<Key, Value>>();

  constructor(native: string) {
    this.#native = native;
  }

  /** What is known where `owner` asks. */
  for(owner: Candidate): Map<Key, Value> {
    const place = placeOf(owner, this.#native);
    if (place === this.#native) return this.#own;
    let found = this.#others.get(place);
    if (found === undefined) this.#others.set(place, (found = new Map<Key, Value>()));
    return found;
  }
}
