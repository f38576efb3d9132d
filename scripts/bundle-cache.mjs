/**
 * Keeps V8's bytecode of dist/bundle: of each function that ran by the end of a small life, one package published, found, fetched from a
 * seeder over loopback, installed and removed. Run by bundle.mjs, in a process of its own. What did not run is compiled when it is needed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { Bundle, cacheOf } from '../bin/open-bundle.js';

const root = new URL('..', import.meta.url);
const BIN = fileURLToPath(new URL('bin/gtpkg.js', root));
const folder = mkdtempSync(join(tmpdir(), 'gtpkg-build-'));
const { setFlagsFromString } = v8;
// Bytecode is taken by processes with the same flags only: none may be left changed.
v8.setFlagsFromString = () => undefined;
setFlagsFromString('--no-flush-bytecode');
for (const name of Object.keys(process.env)) if (name.startsWith('GTPKG_')) delete process.env[name];
Object.assign(process.env, { GTPKG_BOOTSTRAP: 'none', GTPKG_LAN: 'off', NO_COLOR: '1' });
process.env.XDG_CACHE_HOME = join(folder, 'cache');

const bundle = new Bundle(root, 'none');
const { commands } = bundle.load('gtpkg');
let seeder;
try {
  await live();
} finally {
  await stopped(seeder);
  rmSync(folder, { recursive: true, force: true });
}
process.exit();

function keep(kind) {
  setFlagsFromString('--flush-bytecode');
  for (const [file, script] of bundle.scripts) {
    writeFileSync(`${cacheOf(file, kind)}.new`, script.createCachedData());
    renameSync(`${cacheOf(file, kind)}.new`, cacheOf(file, kind));
  }
  setFlagsFromString('--no-flush-bytecode');
}

async function live() {
  const [maker, user] = [join(folder, 'maker'), join(folder, 'user')];
  const directory = join(folder, 'hello');
  const list = join(folder, 'Packages');
  mkdirSync(join(directory, 'data', 'usr', 'bin'), { recursive: true });
  writeFileSync(join(directory, 'data', 'usr', 'bin', 'hello'), '#!/bin/sh\necho hello\n');
  const control = (version) =>
    `Package: hello\nVersion: ${version}\nArchitecture: all\nMaintainer: Ada <ada@example.org>\nDescription: says hello\n`;
  writeFileSync(
    list,
    'Package: aa\nVersion: 1\nArchitecture: all\nDepends: bb (>= 1) | cc, dd\nRecommends: ee\n\n' +
      ['bb', 'cc', 'dd', 'ee'].map((name) => `Package: ${name}\nVersion: 1\nArchitecture: all\n`).join('\n'),
  );
  const publish = (version) => {
    writeFileSync(join(directory, 'control'), control(version));
    return ['publish', directory, '--index', 'acme', '--compression', '1'];
  };

  const key = elsewhere(maker, 'key', 'generate', '--name', 'Ada', '--email', 'ada@example.org');
  const introduction = elsewhere(maker, 'index', 'create', 'acme', '--key', key);
  elsewhere(maker, ...publish('1.0'));
  const seed = spawn(process.execPath, [BIN, 'seed', '--listen', '127.0.0.1:0', '--json'], {
    env: { ...process.env, GTPKG_HOME: maker },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  seeder = seed;
  const [line] = await once(createInterface({ input: seed.stdout }), 'line');
  elsewhere(user, 'peer', 'add', JSON.parse(line).address);
  elsewhere(user, 'source', 'add', introduction, '--name', 'acme');
  elsewhere(user, 'install', 'hello', '--yes');

  for (let i = 0; i < 2; i++) await run(user, 'resolve', '--packages', list, 'install', 'aa');
  keep('resolve');
  const questions = [
    'list',
    'list --all',
    'search hello',
    'show hello',
    'files hello',
    'policy hello',
    'why hello',
  ];
  for (const question of questions) await run(user, ...question.split(' '));
  keep('ask');
  await run(user, 'update');
  elsewhere(maker, ...publish('1.1'));
  await run(user, 'update');
  keep('update');
  await run(user, 'upgrade', '--yes');
  await run(maker, ...publish('1.2'));
  for (const question of ['list --upgradable', 'verify', 'history', 'status'])
    await run(user, ...question.split(' '));
  await run(user, 'remove', 'hello', '--yes');
  await run(user, 'install', 'hello', '--yes');
  keep('all');
}

/** One command in a process of its own; gives what it prints. */
function elsewhere(home, ...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...words, '--home', home], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(`gtpkg ${words.join(' ')} ended with ${status}\n${stderr}`);
  return stdout.trim();
}

async function stopped(child) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}

// One command in this process; gives what it prints.
async function run(home, ...words) {
  const typed = words[0].split(' ').concat(words.slice(1));
  const length = Object.hasOwn(commands, typed.slice(0, 2).join('/')) ? 2 : 1;
  const { default: Command } = await commands[typed.slice(0, length).join('/')]();
  const { stdout, stderr } = process;
  const [toOut, toErr] = [stdout.write, stderr.write];
  let [text, notes] = ['', ''];
  stdout.write = (chunk) => ((text += chunk), true);
  stderr.write = (chunk) => ((notes += chunk), true);
  try {
    await new Command().run(typed.slice(0, length).join(' '), [
      ...typed.slice(length),
      '--home',
      home,
      '--timeout',
      '20',
    ]);
  } catch (error) {
    toErr.call(stderr, notes);
    throw error;
  } finally {
    [stdout.write, stderr.write] = [toOut, toErr];
  }
  return text;
}
