/** Failures as they are printed: exit statuses and the error document, for every code there is. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { asGtpkgError, reportFailure } from '../../cli/render/failure.js';
import { ERROR_CODES, EXIT, GtpkgError, type ErrorCode } from '../../model/errors.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ROOMS = 'model git trust package-repo index-repo resolver replication installer cli'.split(' ');

/** Where gtpkg itself is wrong, or its own processes are; nothing a user types or is sent leads there. */
const BUGS: readonly string[] = [
  'cli/demo/processes.ts',
  'cli/demo/story.ts',
  'cli/render/failure.ts',
  'cli/workflows/change.ts',
  'cli/workflows/rollback.ts',
  'cli/workflows/lay-out.ts',
  'cli/workflows/sync-source.ts',
  'cli/workflows/sources.ts',
  'cli/workflows/trust-explain.ts',
  'git/io.ts',
  'git/spill.ts',
  'installer/disk-error.ts',
  'cli/workflows/lay-out-thread.ts',
  'cli/workflows/lay-out-worker.ts',
  'installer/lay-out.ts',
  'installer/transaction.ts',
  'installer/verify.ts',
  'package-repo/deb.ts',
  'package-repo/directory.ts',
  'package-repo/trees.ts',
  'replication/daemon-arguments.ts',
  'replication/daemon-client.ts',
  'replication/failure.ts',
  'replication/fetch-job.ts',
  'replication/static-core.ts',
  'replication/wire.ts',
  'trust/keynote/credential.ts',
  'trust/keynote/profile.ts',
];

async function printed(
  error: unknown,
  json: boolean,
): Promise<{ status: number; stdout: string; stderr: string }> {
  const out = { stdout: '', stderr: '' };
  const { stdout, stderr } = process;
  const real = { stdout: stdout.write.bind(stdout), stderr: stderr.write.bind(stderr) };
  stdout.write = ((text: string) => ((out.stdout += text), true)) as typeof stdout.write;
  stderr.write = ((text: string) => ((out.stderr += text), true)) as typeof stderr.write;
  try {
    return { status: reportFailure(error, json), ...out };
  } finally {
    stdout.write = real.stdout;
    stderr.write = real.stderr;
  }
}

describe('every code', () => {
  test('has the status of its kind, for people and for programs', async () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error = new GtpkgError(code, 'it went wrong', { hint: 'Do that.', data: { path: '/x' } });
      const human = await printed(error, false);
      assert.equal(human.status, ERROR_CODES[code]);
      assert.equal(human.stdout, '');
      assert.match(human.stderr, new RegExp(`^error\\[${code}\\]: it went wrong\\n  next: Do that\\.\\n$`));
      const machine = await printed(error, true);
      assert.equal(machine.status, ERROR_CODES[code]);
      assert.equal(machine.stderr, '');
      assert.deepEqual(JSON.parse(machine.stdout), {
        error: { code, message: 'it went wrong', hint: 'Do that.', data: { path: '/x' } },
      });
      assert.ok(
        Object.values(EXIT).some((status) => status === machine.status) && machine.status !== EXIT.ok,
      );
    }
  });

  test('that tells of what a user said or met names a next step, its own or that of its kind', async () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      if (['INTERNAL', 'HOME_BUSY', 'ROOT_BUSY', 'NO_SOLUTION'].includes(code)) continue;
      const { error } = JSON.parse((await printed(new GtpkgError(code, 'x'), true)).stdout) as {
        error: { hint: string | null };
      };
      if (ERROR_CODES[code] !== EXIT.root) assert.ok(error.hint !== null && error.hint !== '', code);
    }
  });

  test('is used somewhere', async () => {
    const sources = await sourceFiles();
    for (const code of Object.keys(ERROR_CODES)) {
      const used = sources.filter(([path, text]) => path !== 'model/errors.ts' && text.includes(`'${code}'`));
      assert.ok(used.length > 0, `${code} is used nowhere`);
    }
  });

  test('INTERNAL stands only where gtpkg itself is wrong', async () => {
    const users = (await sourceFiles())
      .filter(([path, text]) => path !== 'model/errors.ts' && text.includes(`'INTERNAL'`))
      .map(([path]) => path);
    assert.deepEqual(
      users.filter((path) => !BUGS.includes(path)),
      [],
      "a user's mistake, a peer or a disk must have a code of its own; if this is none of them, add it to the list",
    );
  });
});

async function sourceFiles(): Promise<[string, string][]> {
  const names = (
    await Promise.all(
      ROOMS.map(async (room) =>
        (await readdir(join(ROOT, room), { recursive: true }))
          .filter((name) => name.endsWith('.ts'))
          .map((name) => `${room}/${name.replaceAll('\\', '/')}`),
      ),
    )
  ).flat();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, await readFile(join(ROOT, name), 'utf8')]),
  );
}

describe('what is no GtpkgError', () => {
  const system = (code: string, path?: string): Error => Object.assign(new Error(code), { code, path });

  test('a disk that is full, read-only or forbidden is no bug', async () => {
    for (const [code, expected] of [
      ['ENOSPC', 'NO_SPACE'],
      ['EDQUOT', 'NO_SPACE'],
      ['EROFS', 'READ_ONLY'],
      ['EACCES', 'PERMISSION'],
      ['EPERM', 'PERMISSION'],
      ['ENOTDIR', 'ROOT_OBSTRUCTED'],
      ['EIO', 'IO_ERROR'],
    ] as const) {
      const failure = asGtpkgError(system(code, '/some/where'));
      assert.equal(failure.code, expected);
      assert.match(failure.message, /^\/some\/where: /);
      assert.equal((await printed(failure, false)).status, EXIT.root);
    }
  });

  test('anything else is a bug, and says so', async () => {
    const { status, stderr } = await printed(new TypeError('x is not a function'), false);
    assert.equal(status, EXIT.internal);
    assert.match(stderr, /^error\[INTERNAL\]: x is not a function\n {2}next: This is a bug in gtpkg/);
    assert.equal((await printed('thrown text', false)).status, EXIT.internal);
  });

  test('^C at a question is neither', async () => {
    const error = Object.assign(new Error('User force closed the prompt'), { name: 'ExitPromptError' });
    const { status, stdout, stderr } = await printed(error, false);
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 130, stdout: '', stderr: 'Interrupted; nothing was changed.\n' },
    );
  });

  test('control characters in a message are shown, not obeyed', async () => {
    const { stderr } = await printed(new GtpkgError('USAGE', '\x1b[2Jgone', { hint: '\u202eback' }), false);
    assert.doesNotMatch(stderr.replace(/\n/g, ''), /[\p{Cc}\u202e]/u);
  });
});
