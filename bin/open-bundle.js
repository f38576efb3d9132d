/**
 * The program as a few files, each with the bytecode that V8 made of it when it was built: loading four hundred modules one by one takes
 * longer than what most commands do. docs/adr/0019. Without them, or where they are older than what was compiled, the modules are loaded.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** Below the package's top directory. */
export const FOLDER = 'dist/bundle/';
const ROOMS = [
  'cli',
  'git',
  'index-repo',
  'installer',
  'model',
  'package-repo',
  'replication',
  'resolver',
  'trust',
];
/** How a file of the program asks for what another one holds: `bundle:FILE:PACKAGE`. */
const OTHER = /^bundle:([a-z]+):(.+)$/;

/**
 * What commands run: reading bytecode that a command has no use for costs as much as it saves. Each kind holds what those before it do; `all` is
 * for every command that is not named here.
 */
const KINDS = {
  resolve: ['resolve'],
  ask: [
    'depends',
    'files',
    'history',
    'list',
    'owns',
    'policy',
    'rdepends',
    'search',
    'show',
    'source',
    'why',
    'why-not',
  ],
  update: ['update'],
};

/** The file that holds the bytecode for this version of Node: any other refuses it. */
export const cacheOf = (file, kind) => `${file}.${process.version}-${process.arch}.${kind}`;

/**
 * @param root - URL of the package's top directory
 * @param command - the first word of the command line
 * @returns what the program exports; undefined when its modules are to be loaded instead
 */
export function openBundle(root, command) {
  if (process.env.GTPKG_UNBUNDLED === '1' || !isCurrent(root)) return undefined;
  const [kind = 'all'] = Object.keys(KINDS).filter((each) => KINDS[each].includes(command));
  return new Bundle(root, kind).load('gtpkg');
}

/** The files, each run once, when something of it is asked for. */
export class Bundle {
  /** script of each file that was run, by its path */
  scripts = new Map();
  #kind;
  #folder;
  #require;
  #exports = new Map();

  /**
   * @param root - URL of the package's top directory
   * @param kind - which bytecode is read
   */
  constructor(root, kind) {
    this.#kind = kind;
    this.#folder = fileURLToPath(new URL(FOLDER, root));
    this.#require = createRequire(`${this.#folder}gtpkg.cjs`);
  }

  load(name) {
    const known = this.#exports.get(name);
    if (known !== undefined) return known;
    const file = `${this.#folder}${name}.cjs`;
    const script = new Script(readFileSync(file, 'latin1'), {
      filename: file,
      cachedData: readIfThere(cacheOf(file, this.#kind)),
    });
    this.scripts.set(file, script);
    const module = { exports: {} };
    script.runInThisContext()(module.exports, (id) => this.#get(id), module, file, this.#folder);
    this.#exports.set(name, module.exports);
    return module.exports;
  }

  #get(id) {
    const [, file, name] = OTHER.exec(id) ?? [];
    return file === undefined ? this.#require(id) : this.load(file).packages[name]();
  }
}

// After `tsc -b` alone, what was compiled is newer: whoever changes the program runs what was changed.
function isCurrent(root) {
  const made = timeOf(new URL(`${FOLDER}gtpkg.cjs`, root));
  return (
    made !== undefined &&
    ROOMS.every((room) => (timeOf(new URL(`dist/${room}/.tsbuildinfo`, root)) ?? 0) <= made)
  );
}

const timeOf = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
