/** The words of a command line: flags, arguments, and what is said of wrong ones. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { boolean, globalFlags, integer, string, word, type ArgData, type FlagData } from '../../cli/flags.js';
import { parseWords, type Definition, type Parsed } from '../../cli/parse.js';
import { nearestFlag } from '../../cli/not-found.js';
import { GtpkgError } from '../../model/errors.js';

const flags = {
  ...globalFlags,
  'dry-run': boolean(),
  all: boolean({ exclusive: ['dry-run'] }),
  suite: string({ multiple: true, multipleNonGreedy: true }),
  level: integer({ min: 1, max: 22, default: 19 }),
} as unknown as Record<string, FlagData>;
const args = {
  as: word({ required: true, options: ['auto', 'manual'] }),
  name: word({}),
} as unknown as Record<string, ArgData>;
const loose: Definition = { flags, args: {}, strict: false };
const strict: Definition = { flags, args, strict: true };

const parse = (words: string, definition = loose): Promise<Parsed> =>
  parseWords(
    definition,
    words.split(' ').filter((each) => each !== ''),
  );

async function refusal(words: string, definition = loose): Promise<string> {
  return parse(words, definition).then(
    () => assert.fail(`"${words}" was taken`),
    (error: unknown) => {
      assert.ok(error instanceof GtpkgError && error.code === 'USAGE', String(error));
      return `${error.message}${error.hint === undefined ? '' : ` | ${error.hint}`}`;
    },
  );
}

describe('what is taken', () => {
  test('flags anywhere, with blank or =; words in order', async () => {
    const { flags: got, words } = await parse('one --suite a two --suite=b -y --level 3 --json three');
    assert.deepEqual(words, ['one', 'two', 'three']);
    assert.deepEqual(got['suite'], ['a', 'b']);
    assert.deepEqual([got['yes'], got['json'], got['level'], got['offline']], [true, true, 3, false]);
  });

  test('defaults, and undefined where there is none', async () => {
    const { flags: got } = await parse('');
    assert.equal(got['level'], 19);
    assert.equal(got['home'], undefined);
    assert.equal(got['suite'], undefined);
    assert.equal(got['dry-run'], false);
  });

  test('after -- everything is a word; a lone - is one', async () => {
    assert.deepEqual((await parse('-- --suite -y')).words, ['--suite', '-y']);
    assert.deepEqual((await parse('-')).words, ['-']);
  });

  test('a value that looks like a flag is given with =', async () => {
    assert.equal((await parse('--root=-odd')).flags['root'], '-odd');
    assert.equal((await parse('--home=a=b')).flags['home'], 'a=b');
  });

  test('arguments by name', async () => {
    assert.deepEqual((await parse('auto', strict)).args, { as: 'auto', name: undefined });
    assert.deepEqual((await parse('manual vim', strict)).args, { as: 'manual', name: 'vim' });
  });

  test('property: words and flags come out as they went in, in any mixture', async () => {
    const plain = fc.stringMatching(/^[a-z0-9./@=~]+$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), plain), { maxLength: 10 }), async (mixture) => {
        const argv = mixture.flatMap(([flag, text]) => (flag ? ['--suite', text] : [text]));
        const { flags: got, words } = await parseWords(loose, argv);
        assert.deepEqual(
          words,
          mixture.filter(([flag]) => !flag).map(([, text]) => text),
        );
        assert.deepEqual(
          got['suite'] ?? [],
          mixture.filter(([flag]) => flag).map(([, text]) => text),
        );
      }),
    );
  });

  test('property: nothing but USAGE is ever thrown', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), async (argv) => {
        await parseWords(strict, argv).catch((error: unknown) => {
          assert.ok(error instanceof GtpkgError && error.code === 'USAGE', String(error));
        });
      }),
    );
  });
});

describe('what is refused', () => {
  for (const [words, message] of [
    ['--dry-rnu', 'there is no flag --dry-rnu | Did you mean --dry-run?'],
    ['--nothing-like-it', 'there is no flag --nothing-like-it'],
    ['--constructor', 'there is no flag --constructor'],
    ['-x', 'there is no flag -x'],
    ['--json=yes', '--json takes no value'],
    ['--root', '--root needs a value'],
    ['--root --json', '--root needs a value'],
    ['--root=', 'the value of --root is empty'],
    ['--root a --root b', '--root is given twice'],
    ['--all --dry-run', '--all and --dry-run exclude each other'],
    ['--level x', '--level takes a whole number between 1 and 22, not "x"'],
    ['--level 0', '--level takes a whole number between 1 and 22, not "0"'],
    ['--level 1e1', '--level takes a whole number between 1 and 22, not "1e1"'],
    [
      '--timeout 99999999999999999999',
      '--timeout takes a whole number between 1 and 86400, not "99999999999999999999"',
    ],
  ] as const)
    test(words, async () => assert.equal(await refusal(words), message));

  test('missing and superfluous arguments', async () => {
    assert.equal(await refusal('', strict), 'auto|manual is missing');
    assert.equal(await refusal('foo', strict), 'AS must be auto or manual, not "foo"');
    assert.equal(await refusal('auto a b', strict), '"b" is one word too many');
    assert.equal(await refusal('auto a b c', strict), '"b c" is 2 words too many');
  });

  test('missing flags, all at once', async () => {
    const needy: Definition = {
      flags: { name: string({ required: true }), email: string({ required: true }) } as never,
      args: {},
      strict: true,
    };
    assert.equal(await refusal('', needy), '--name and --email are missing');
    assert.equal(await refusal('--name x', needy), '--email is missing');
  });
});

test('the nearest flag is named only when it is near', () => {
  assert.equal(nearestFlag('--dryrun', ['dry-run', 'json']), '--dry-run');
  assert.equal(nearestFlag('--purge', ['dry-run', 'json']), undefined);
  assert.equal(nearestFlag('--x', []), undefined);
});
