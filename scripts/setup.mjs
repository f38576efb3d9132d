/**
 * Makes a fresh clone ready, and an unchanged one in no time: dependencies as the lock file has them, TypeScript built,
 * oclif's manifest and the program in few files written. Run by `npm run demo`, `npm test` and `npm run lint`; needs Node >= 20 and npm, nothing else.
 *
 * Dependencies are current when npm's own record of what it installed agrees with package-lock.json, version by version;
 * the build is current when no source file has another size or time than at the last build.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const STAMP = join(root, 'dist', '.built');
const [major] = process.versions.node.split('.').map(Number);

if (major < 20) stop(`gtpkg needs Node 20 or newer, this is ${process.version}`);
if (!dependenciesAreCurrent()) {
  note('installing dependencies (npm ci)');
  // the tests and the build need the development dependencies whatever NODE_ENV says
  run(...npm(), 'ci', '--include=dev', '--include=optional');
}
const sources = fingerprint();
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== sources) {
  note('building');
  rmSync(STAMP, { force: true });
  removeStale();
  run(process.execPath, join('node_modules', 'typescript', 'bin', 'tsc'), '-b');
  run(process.execPath, join('scripts', 'manifest.mjs'));
  run(process.execPath, join('scripts', 'bundle.mjs'));
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(STAMP, sources);
}

function dependenciesAreCurrent() {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'));
  const wanted = readJson(join(root, 'package-lock.json'));
  if (installed === undefined || wanted === undefined) return false;
  return Object.entries(wanted.packages).every(([path, { version, link, optional, peer }]) => {
    if (path === '' || link) return true;
    const there = installed.packages[path];
    // an optional one may be for another system
    if (there === undefined) return Boolean(optional || peer);
    return there.version === version && existsSync(join(root, path));
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

// Names, sizes and times of all that the build reads; bytecode is of one version of Node.
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.version}\n`);
  for (const path of walk(root, (name) =>
    /\.ts$|^tsconfig.*\.json$|^package(-lock)?\.json$|^(manifest|bundle|bundle-cache)\.mjs$|^open-bundle\.js$/.test(
      name,
    ),
  )) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function* walk(directory, wanted) {
  for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (path !== join(root, 'dist')) yield* walk(path, wanted);
    } else if (wanted(entry.name)) yield path;
  }
}

// What was built from a source that is gone would still be run as a test or found as a command.
function removeStale() {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return;
  for (const path of walk(dist, (name) => /\.(js|d\.ts)$/.test(name))) {
    const source = join(root, relative(dist, path).replace(/(\.d\.ts|\.js)$/, '.ts'));
    if (!existsSync(source)) rmSync(path);
  }
}

// npm as the one that runs us, where it does; on Windows only node can start npm-cli.js.
function npm() {
  const cli = process.env.npm_execpath;
  return cli !== undefined && /npm-cli\.[cm]?js$/.test(cli) ? [process.execPath, cli] : ['npm'];
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error !== undefined) stop(`${command} can not be started: ${error.message}`);
  if (status !== 0) stop(`${[command, ...args].join(' ')} failed`, status ?? 1);
}

function note(text) {
  process.stderr.write(`gtpkg set-up: ${text}\n`);
}

function stop(text, status = 1) {
  note(text);
  process.exit(status);
}
