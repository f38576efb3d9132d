/** What the command line keeps in a home: records of sources and indexes, small files, scratch directories; and who is asked what. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Context, settingsFrom } from '../../cli/context.js';
import { readGiven, writeWhole } from '../../cli/files.js';
import {
  checkName,
  findIndex,
  findSource,
  getIndex,
  getSource,
  listSources,
  removeSource,
  writeIndex,
  writeSource,
} from '../../cli/places.js';
import { confirm, passphraseFrom } from '../../cli/prompt.js';
import { withScratch } from '../../cli/scratch.js';
import { previewSource } from '../../cli/workflows/introduction.js';
import { formatIntroduction, GtpkgError, parseIntroduction, type ErrorCode } from '../../model/index.js';

const LINE = `gtpkg://${'0123456789abcdef'.repeat(4)}#${'A1'.repeat(20)}`;

let home: string;
let context: Context;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'gtpkg-home-'));
  context = new Context(settingsFrom({ home }, {}));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const refused =
  (code: ErrorCode, text = '') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof GtpkgError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(text), `${error.message} has ${text}`);
    return true;
  };

describe('sources and indexes', () => {
  test('are found as they were written, by name', async () => {
    const introduction = parseIntroduction(LINE);
    await writeSource(context, 'zoo', introduction);
    await writeSource(context, 'acme', introduction);
    assert.deepEqual(
      (await listSources(context)).map((each) => each.name),
      ['acme', 'zoo'],
    );
    const found = await getSource(context, 'zoo');
    assert.equal(formatIntroduction(found.introduction), formatIntroduction(introduction));
    await removeSource(found);
    assert.equal(await findSource(context, 'zoo'), undefined);
    await assert.rejects(getSource(context, 'zoo'), (error: unknown) => {
      refused('SOURCE_NOT_FOUND', 'zoo')(error);
      assert.equal((error as GtpkgError).hint, 'Known sources: acme.');
      return true;
    });
    const { indexCore } = introduction;
    await writeIndex(context, { name: 'mine', indexCore, introduction, suite: 'stable' });
    assert.equal((await getIndex(context, 'mine')).suite, 'stable');
    await assert.rejects(getIndex(context, 'other'), refused('INDEX_NOT_FOUND', 'other'));
  });

  test('are not for everybody to write, whatever the umask', async () => {
    const mask = process.umask(0);
    const fresh = new Context(settingsFrom({ home: join(home, 'new') }, {}));
    try {
      await writeSource(fresh, 'acme', parseIntroduction(LINE));
    } finally {
      process.umask(mask);
    }
    for (const parts of [[], ['sources'], ['sources', 'acme'], ['sources', 'acme', 'source.json']])
      assert.equal((await stat(join(home, 'new', ...parts))).mode & 0o022, 0, parts.join('/'));
  });

  test('in an empty home there are none', async () => {
    assert.deepEqual(await listSources(context), []);
    assert.equal(await findIndex(context, 'acme'), undefined);
    assert.deepEqual(await readdir(home), []);
  });

  test('a damaged record is named, whatever the damage', async () => {
    const path = join(home, 'sources', 'acme', 'source.json');
    await mkdir(join(home, 'sources', 'acme'), { recursive: true });
    for (const damaged of [
      '',
      '{',
      'null',
      '7',
      '"text"',
      '[]',
      '{}',
      '{"introduction":7}',
      '\0\0\0',
      '{"introduction":"x"}',
    ]) {
      await writeFile(path, damaged);
      await assert.rejects(findSource(context, 'acme'), refused('STATUS_CORRUPT', path), damaged);
      await assert.rejects(listSources(context), refused('STATUS_CORRUPT', path));
    }
    const index = join(home, 'indexes', 'mine', 'index.json');
    await mkdir(join(home, 'indexes', 'mine'), { recursive: true });
    for (const damaged of [
      '{}',
      `{"introduction":"${LINE}"}`,
      `{"introduction":"${LINE}","indexCore":"x","suite":"s"}`,
    ]) {
      await writeFile(index, damaged);
      await assert.rejects(findIndex(context, 'mine'), refused('STATUS_CORRUPT', index), damaged);
    }
  });

  test('names that are no directory names are refused before anything is touched', async () => {
    for (const name of ['', '.', '..', '../x', 'a/b', 'A', '-a', 'a b', 'ä', 'a\n', 'x'.repeat(65)]) {
      assert.throws(() => checkName(name), refused('BAD_NAME'), name);
      await assert.rejects(findSource(context, name), refused('BAD_NAME'));
    }
    for (const name of ['a', '0ad', 'a.b-c_d', 'x'.repeat(64)]) assert.equal(checkName(name), name);
  });

  test('other things in sources/ are no sources', async () => {
    await mkdir(join(home, 'sources', '.hidden'), { recursive: true });
    await mkdir(join(home, 'sources', 'empty'), { recursive: true });
    assert.deepEqual(await listSources(context), []);
  });

  test('what would be added is shown, and nothing is kept', async () => {
    const { source } = await previewSource(context, LINE, 'acme');
    assert.deepEqual([source.name, source.threshold, source.sequence], ['acme', 1, null]);
    assert.deepEqual(await readdir(home), []);
    await assert.rejects(previewSource(context, 'gtpkg://x', undefined), refused('BAD_INTRODUCTION'));
    await assert.rejects(previewSource(context, LINE, '../x'), refused('BAD_NAME'));
    await writeSource(context, 'zoo', parseIntroduction(LINE));
    await assert.rejects(previewSource(context, LINE, undefined), refused('ALREADY_EXISTS', 'zoo'));
  });
});

describe('small files', () => {
  test('are written whole, over what was there, and leave no draft', async () => {
    const path = join(home, 'a', 'b', 'file');
    await writeWhole(path, 'one');
    await writeWhole(path, 'two', 0o600);
    assert.equal(await readFile(path, 'utf8'), 'two');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(home, 'a', 'b')), ['file']);
  });

  test('that a user names must be there, and be files', async () => {
    await assert.rejects(readGiven(join(home, 'none')), refused('FILE_NOT_FOUND', join(home, 'none')));
    await writeFile(join(home, 'plain'), '');
    await assert.rejects(readGiven(join(home, 'plain', 'below')), refused('ROOT_OBSTRUCTED'));
  });
});

describe('scratch directories', () => {
  test('are empty, and gone afterwards, also after a failure', async () => {
    let seen = '';
    const result = await withScratch(context, 'test', async (directory) => {
      seen = directory;
      assert.deepEqual(await readdir(directory), []);
      await writeFile(join(directory, 'x'), 'x');
      return 7;
    });
    assert.equal(result, 7);
    await assert.rejects(
      withScratch(context, 'test', () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.deepEqual(await readdir(join(home, 'tmp')), []);
    assert.ok(seen.startsWith(join(home, 'tmp', 'test-')));
  });

  test('of killed processes go; of living and of recent ones stay', async () => {
    const dead = 2 ** 22 + 1; // above the highest process id
    const old = new Date(Date.now() - 7_200_000);
    const make = async (name: string, when?: Date): Promise<void> => {
      await mkdir(join(home, 'tmp', name), { recursive: true });
      if (when !== undefined) await utimes(join(home, 'tmp', name), when, when);
    };
    await make(`publish-${dead}-abcdef`, old);
    await make(`publish-${dead}-recent`);
    await make(`publish-${process.pid}-living`, old);
    await make('not-ours', old);
    await withScratch(context, 'test', () => Promise.resolve());
    const left = ['not-ours', `publish-${process.pid}-living`, `publish-${dead}-recent`];
    assert.deepEqual((await readdir(join(home, 'tmp'))).sort(), left.sort());
  });
});

describe('where nobody can answer', () => {
  const terminal = process.stdin.isTTY;
  beforeEach(() => (process.stdin.isTTY = false));
  afterEach(() => (process.stdin.isTTY = terminal));

  test('a question gets the answer for scripts, and --yes is yes', async () => {
    assert.equal(await confirm('Go on?', { yes: false, unattended: false }), false);
    assert.equal(await confirm('Go on?', { yes: false, unattended: true }), true);
    assert.equal(await confirm('Go on?', { yes: true, unattended: false }), true);
  });

  const whose = (): Promise<string> => assert.fail('nobody is asked');

  test('a passphrase comes from the flag, then from the variable, or not at all', async () => {
    const path = join(home, 'passphrase');
    await writeFile(path, ' two words \n');
    await writeFile(join(home, 'crlf'), 'x\r\n');
    assert.equal(await passphraseFrom(path, whose)(), ' two words ');
    assert.equal(await passphraseFrom(join(home, 'crlf'), whose)(), 'x');
    assert.equal(await passphraseFrom(undefined, whose)(), undefined);
    process.env['GTPKG_PASSPHRASE_FILE'] = join(home, 'crlf');
    try {
      assert.equal(await passphraseFrom(undefined, whose)(), 'x');
      assert.equal(await passphraseFrom(path, whose)(), ' two words ');
    } finally {
      delete process.env['GTPKG_PASSPHRASE_FILE'];
    }
    await assert.rejects(passphraseFrom(join(home, 'none'), whose)(), refused('FILE_NOT_FOUND', 'none'));
  });
});
