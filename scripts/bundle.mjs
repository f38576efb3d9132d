/**
 * Writes the program into a few files, dist/bundle/*.cjs, and beside each V8's bytecode of it for this version of Node: docs/adr/0019, read by
 * bin/open-bundle.js. Run after `tsc -b`. Our own code is one file; packages that many commands do without are others.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { FOLDER } from '../bin/open-bundle.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const folder = join(root, FOLDER);

/** Packages with machine code: they look for it beside themselves. */
const NATIVE = [
  'fs-native-extensions',
  'koffi',
  'quickbit-native',
  'rocksdb-native',
  'simdle-native',
  'sodium-native',
  'udx-native',
  'zstd-napi',
];
/** Large, and loaded by few commands. */
const SELDOM = ['@hpcc-js/wasm-zstd', '@inquirer/*', '@oclif/*', 'isomorphic-git'];
/** Files beside our own, and the packages that our code asks of them. */
const FILES = {
  openpgp: ['openpgp'],
  swarm: [
    '@hyperswarm/secret-stream',
    'corestore',
    'hypercore',
    'hypercore-crypto',
    'hypercore/lib/caps.js',
    'hypercore/lib/verifier.js',
    'hyperdht',
    'hyperswarm/lib/peer-discovery.js',
  ],
};

/** Threads of ours, as they are started: a file of their own each, beside the program's. */
const THREAD = /new URL\('\.\/([a-z-]+-thread)\.js', import\.meta\.url\)/g;
const threads = new Map();

/** Our modules: their own address stays that of the file that tsc made, where threads and other programs are started from. */
const own = {
  name: 'own',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (!path.startsWith(dist + sep)) return undefined;
      const address = JSON.stringify(relative(dist, path).split(sep).join('/'));
      const text = readFileSync(path, 'utf8')
        .replace(THREAD, (_, name) => {
          threads.set(name, join(dirname(path), `${name}.js`));
          return `new URL('${name}.cjs', __own)`;
        })
        .replaceAll('import.meta.url', `__address(${address})`);
      return { contents: text, loader: 'js' };
    });
    onResolve({ filter: /^[^.]/ }, ({ path }) => {
      const [file] = Object.entries(FILES).find(([, packages]) => packages.includes(path)) ?? [];
      return file === undefined ? undefined : { path: `bundle:${file}:${path}`, external: true };
    });
  },
};

const commands = readdirSync(join(dist, 'cli', 'commands'), { recursive: true })
  .map((name) => String(name).split(sep).join('/'))
  .filter((name) => name.endsWith('.js'))
  .sort();

mustBeFound(NATIVE);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [file, packages] of Object.entries(FILES)) {
  const table = packages.map((name) => `  '${name}': () => require('${name}'),`);
  await write(file, { contents: ['exports.packages = {', ...table, '};'].join('\n'), resolveDir: root }, []);
}
const table = commands.map((name) => `  '${name.slice(0, -3)}': () => import('./cli/commands/${name}'),`);
const entry = ["export { main } from './cli/main.js';", 'export const commands = {', ...table, '};'];
await write('gtpkg', { contents: entry.join('\n'), resolveDir: dist }, [own]);
if (threads.size === 0) throw new Error('no thread was found: has the way they are started changed?');
for (const [name, path] of threads)
  await write(name, { contents: `import ${JSON.stringify(path)};`, resolveDir: dist }, [own], false);
// what it lacks costs time at start-up, and nothing else
const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'bundle-cache.mjs')], {
  stdio: ['ignore', 2, 2],
  timeout: 60_000,
});
if (status !== 0) process.stderr.write('gtpkg: no bytecode is kept, commands start more slowly\n');

/** @param wrapped - to be run with vm.Script, as a function; else by Node, as a module */
async function write(name, stdin, plugins, wrapped = true) {
  const { outputFiles } = await build({
    stdin: { ...stdin, sourcefile: `${name}.js` },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    legalComments: 'none',
    // a script of its own cannot import modules, but in Node's experimental way
    supported: { 'dynamic-import': false },
    external: [...NATIVE, ...SELDOM],
    plugins,
    define: { 'import.meta.url': '__own' },
    banner: {
      js:
        "const __address = (path) => require('node:url').pathToFileURL(require('node:path').join(__dirname, '..', path)).href;" +
        `const __own = __address('bundle/${name}.cjs');`,
    },
    logLevel: 'warning',
  });
  // one byte a character: V8 holds half of it, and reads it in half the time
  const text = outputFiles[0].text.replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const path = join(folder, `${name}.cjs`);
  writeFileSync(
    `${path}.new`,
    wrapped ? `(function (exports, require, module, __filename, __dirname) {${text}\n})` : text,
    'latin1',
  );
  renameSync(`${path}.new`, path);
}

// From dist/ they are looked for in node_modules: what the packages that need them see must be the same.
function mustBeFound(names) {
  const here = createRequire(join(folder, 'gtpkg.cjs'));
  for (const name of names) here.resolve(name === 'zstd-napi' ? 'zstd-napi/package.json' : name);
}
