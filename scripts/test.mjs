/**
 * Runs the compiled tests in one go of node:test, each file in a process of its own (the attacks, which share a scene, in one for
 * all of them), and looks afterwards whether they cleaned up.
 *
 *     node scripts/test.mjs [PART-OF-A-PATH…] [--NODE-OPTION…]     e.g. npm test -- trust --test-name-pattern=gpg
 *
 * The tests get a home and a temporary folder of their own, so that nothing of the user's is read or written, and so
 * that what they leave behind is theirs. Left-over folders `gtpkg-*` and processes are named and make the run fail.
 * GTPKG_TEST_CONCURRENCY (default: one more than there are cores, since many tests wait for time-outs) sets how many files run at once. Ends with the runner's own count and exit code.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiled = join(root, 'dist', 'test');
const args = process.argv.slice(2);
const filters = args.filter((arg) => !arg.startsWith('-'));
const options = args.filter((arg) => arg.startsWith('-'));

const files = (existsSync(compiled) ? readdirSync(compiled, { recursive: true }) : [])
  .map((name) => join(compiled, String(name)))
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => filters.length === 0 || filters.some((part) => relative(root, path).includes(part)))
  .sort();
if (files.length === 0) {
  console.error(
    filters.length === 0 ? 'no tests are built' : `no test has ${filters.join(' or ')} in its path`,
  );
  process.exit(2);
}

// Attacks are many and small; those with processes of their own stay by themselves.
const attacks = join(compiled, 'attacks');
const isTogether = (path) => dirname(path) === attacks && basename(path) !== 'bundle.test.js';
const together = files.filter(isTogether);
const alone = files.filter((path) => !isTogether(path));

// short, because sockets in it must stay below 108 bytes
const area = mkdtempSync(join(realpathSync(tmpdir()), 'gt-'));
// some tests run something as another user, in a folder below it
chmodSync(area, 0o711);
const temporary = join(area, 't');
const home = join(area, 'home');
mkdirSync(temporary);
mkdirSync(home, { mode: 0o700 });

const child = spawn(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${process.env.GTPKG_TEST_CONCURRENCY ?? availableParallelism() + 1}`,
    '--test-timeout=600000',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    ...options,
    ...(together.length > 0 ? [join(attacks, 'together.js')] : []),
    ...alone,
  ],
  { cwd: root, env: { ...environment(), GTPKG_TOGETHER: together.join('\n') }, stdio: 'inherit' },
);
// ^C reaches the runner too; this process stays to clean up
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
const code = await new Promise((resolve) => {
  child.on('error', (error) => (console.error(error.message), resolve(1)));
  child.on('close', (status, signal) => resolve(status ?? (signal === null ? 1 : 130)));
});

const processes = await leftOverProcesses();
const folders = readdirSync(temporary).filter((name) => name.startsWith('gtpkg-'));
for (const { pid, command } of processes) {
  console.error(`left over by the tests: process ${pid}: ${command}`);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself meanwhile
  }
}
for (const name of folders)
  console.error(`left over by the tests: folder ${name} (${readdirSync(join(temporary, name)).join(' ')})`);
rmSync(area, { recursive: true, force: true, maxRetries: 3 });
process.exitCode = code !== 0 ? code : processes.length + folders.length > 0 ? 1 : 0;

function environment() {
  const env = {
    ...process.env,
    HOME: home,
    TMPDIR: temporary,
    GTPKG_TEST_RUN: area,
    GIT_CONFIG_NOSYSTEM: '1',
    GTPKG_LAN: 'off',
  };
  for (const name of Object.keys(env)) {
    if (
      /^(XDG_|GTPKG_(HOME|ROOT|BOOTSTRAP|PASSPHRASE)|GNUPGHOME$|GPG_AGENT_INFO$|GIT_(DIR|WORK_TREE|INDEX_FILE|CONFIG_GLOBAL)$)/.test(
        name,
      )
    ) {
      delete env[name];
    }
  }
  // a home of its own must not mean downloading the same packages again
  if (process.env.HOME !== undefined) env.npm_config_cache ??= join(process.env.HOME, '.npm');
  return env;
}

// Processes that inherited our mark or name our folder, after a moment's grace. Linux only: elsewhere there is no /proc.
async function leftOverProcesses() {
  let found = [];
  for (let waited = 0; waited <= 2000; waited += 200) {
    found = scan();
    if (found.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return found;
}

function scan() {
  if (!existsSync('/proc/self/environ')) return [];
  const found = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const pid = Number(name);
    if (pid === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      // a zombie has neither: it ended, its parent only has not looked
      const environ = readFileSync(`/proc/${name}/environ`, 'latin1');
      if (environ.includes(`GTPKG_TEST_RUN=${area}\0`) || command.includes(`${area}/`))
        found.push({ pid, command });
    } catch {
      // ended while we looked, or somebody else's
    }
  }
  return found;
}
