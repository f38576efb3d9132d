/**
 * The distribution that this machine's apt knows, as a universe that parses a package when it is asked for.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { controlFrom, parseParagraph, type Candidate, type Universe } from '../../model/index.js';

const LISTS = '/var/lib/apt/lists';
const HELPER = '/usr/lib/apt/apt-helper';
const PACKAGES = /_debian_dists_([a-z]+)_main_binary-([a-z0-9]+)_Packages(?:\.[a-z0-9]+)?$/;

/** What apt's lists hold. */
export interface Distribution extends Universe {
  readonly architecture: string;
  readonly count: number;
  readonly names: readonly string[];
  /** every stanza, as text */
  stanzas(): readonly string[];
}

/** The Packages text of Debian main, or why it is not to be had. */
export function packagesText(): { readonly text: string; readonly architecture: string } | string {
  let files: string[];
  try {
    files = readdirSync(LISTS).filter(
      (file) => PACKAGES.test(file) && !/-(?:updates|security|backports)_/.test(file),
    );
  } catch {
    return `no ${LISTS} here`;
  }
  const [file] = files.sort();
  if (file === undefined) return 'no list of Debian main here';
  try {
    const text = execFileSync(HELPER, ['cat-file', `${LISTS}/${file}`], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    return { text, architecture: PACKAGES.exec(file)?.[2] ?? 'amd64' };
  } catch {
    return `${HELPER} cannot read ${file}`;
  }
}

/** The distribution, or why it is not to be had. */
export function debian(): Distribution | string {
  const found = packagesText();
  if (typeof found === 'string') return found;
  const stanzas = found.text.split('\n\n').filter((stanza) => stanza.startsWith('Package: '));
  const byName = new Map<string, number[]>();
  const byProvided = new Map<string, number[]>();
  const push = (map: Map<string, number[]>, key: string, index: number): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [index]);
    else list.push(index);
  };
  stanzas.forEach((stanza, index) => {
    push(byName, stanza.slice(9, stanza.indexOf('\n')), index);
    const provides = /^Provides: (.*)$/m.exec(stanza)?.[1];
    for (const one of provides?.split(',') ?? [])
      push(byProvided, one.trim().split(/[ (:]/, 1)[0] ?? '', index);
  });
  const parsed = new Map<number, Candidate>();
  const candidate = (index: number): Candidate => {
    const known = parsed.get(index);
    if (known !== undefined) return known;
    const fields = parseParagraph(stanzas[index] ?? '', { where: 'Packages' });
    const control = controlFrom(fields, 'Packages');
    const { name, version, architecture, multiArch, essential, relations, installedSize } = control;
    const made: Candidate = {
      name,
      version,
      architecture,
      multiArch,
      essential,
      relations,
      installedSize,
      source: 'debian',
      suite: 'stable',
      downloadSize: Number(fields.get('Size') ?? 0),
    };
    parsed.set(index, made);
    return made;
  };
  return {
    architecture: found.architecture,
    count: stanzas.length,
    names: [...byName.keys()],
    stanzas: () => stanzas,
    versions: (name) => (byName.get(name) ?? []).map(candidate),
    providers: (name) => (byProvided.get(name) ?? []).map(candidate),
  };
}
