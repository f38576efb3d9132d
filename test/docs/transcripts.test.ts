/**
 * Everything in docs/cli/*.md that shows a command and its output is run here.
 *
 * A transcript is a fenced block marked `console`: lines that start with `$ ` are typed into one bash per document (so variables and
 * background jobs last), what follows is its exact output, standard error included. `…` stands for any text within a line; a line that
 * is only `…` stands for any number of lines. Each document starts in an empty folder with a DHT of its own on loopback.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BIN, World } from '../e2e/harness.js';

const DOCS = fileURLToPath(new URL('../../../docs/cli/', import.meta.url));

interface Step {
  readonly command: string;
  readonly expected: string[];
  readonly line: number;
}

/** The typed commands of a document with what they must print. */
function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  let inside = false;
  markdown.split('\n').forEach((line, index) => {
    if (line.startsWith('```')) inside = line === '```console';
    else if (inside && line.startsWith('$ '))
      steps.push({ command: line.slice(2), expected: [], line: index + 1 });
    else if (inside && line.startsWith('> ') && steps.at(-1)?.expected.length === 0) {
      const last = steps.pop();
      if (last !== undefined) steps.push({ ...last, command: `${last.command}\n${line.slice(2)}` });
    } else if (inside) steps.at(-1)?.expected.push(line);
  });
  return steps;
}

function matches(expected: readonly string[], printed: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return printed.length === 0;
  if (first.trim() === '…')
    return printed.some((_, i) => matches(rest, printed.slice(i))) || matches(rest, []);
  if (printed[0] === undefined) return false;
  const pattern = first
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(printed[0]) && matches(rest, printed.slice(1));
}

/** One bash that is typed into. */
class Shell {
  #buffer = '';
  readonly #child;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn(
      'bash',
      [
        '--norc',
        '--noprofile',
        '-c',
        'exec 2>&1; set +m; while IFS= read -r -d "" c; do eval "$c" </dev/null; printf "\\n\\001%s\\n" "$?"; done',
      ],
      { cwd, env, stdio: ['pipe', 'pipe', 'inherit'], detached: true },
    );
    this.#child.stdout.on('data', (chunk: Buffer) => (this.#buffer += chunk.toString()));
  }

  async type(command: string): Promise<string[]> {
    this.#child.stdin.write(`${command}\0`);
    const deadline = Date.now() + 120_000;
    for (;;) {
      const end = /\n\u0001(\d+)\n/.exec(this.#buffer);
      if (end !== null) {
        const text = this.#buffer.slice(0, end.index);
        this.#buffer = this.#buffer.slice(end.index + end[0].length);
        return text === '' ? [] : text.replace(/\n$/, '').split('\n');
      }
      if (Date.now() > deadline) throw new Error(`no end of: ${command}\n${this.#buffer}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async end(): Promise<void> {
    if (this.#child.pid !== undefined) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        return;
      }
    }
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

const documents = (await readdir(DOCS)).filter((name) => name.endsWith('.md')).sort();

describe('the transcripts in docs/cli', () => {
  test('there are some', () => assert.ok(documents.length > 0));
  for (const name of documents) {
    describe(name, async () => {
      const steps = stepsOf(await readFile(join(DOCS, name), 'utf8'));
      if (steps.length === 0) return;
      let world: World;
      let shell: Shell;
      before(async () => {
        world = await World.make();
        await world.startDht();
        await mkdir(world.path('bin'));
        await mkdir(world.path('here'));
        await writeFile(world.path('bin', 'gtpkg'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
        await chmod(world.path('bin', 'gtpkg'), 0o755);
        const clean = Object.fromEntries(
          Object.entries(process.env).filter(
            ([key]) => !key.startsWith('GTPKG_') && !key.startsWith('NODE_TEST'),
          ),
        );
        shell = new Shell(world.path('here'), {
          ...clean,
          PATH: `${world.path('bin')}:${process.env['PATH'] ?? ''}`,
          HOME: world.path('here'),
          GTPKG_HOME: world.path('home'),
          GTPKG_BOOTSTRAP: world.bootstrap,
          GTPKG_LAN: 'off',
          GTPKG_TIMEOUT: '10',
          NO_COLOR: '1',
          LC_ALL: 'C.UTF-8',
          TZ: 'UTC',
        });
      });
      after(async () => {
        await shell.end();
        await world.end();
      });
      for (const { command, expected, line } of steps) {
        test(`${name}:${line} $ ${command}`, async () => {
          const printed = await shell.type(command);
          while (expected.at(-1) === '') expected.pop();
          assert.ok(
            matches(expected, printed),
            `expected\n${expected.join('\n')}\n\nprinted\n${printed.join('\n')}`,
          );
        });
      }
    });
  }
});
