/**
 * Golden texts: each file in fixtures/resolver holds a request, packages, what is installed, and the whole answer.
 * `GOLDEN=write node --test …` writes the answers anew; read the difference before you commit it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GtpkgError } from '../../model/index.js';
import { resolve, whyInstalled, type Problem, type Resolution } from '../../resolver/index.js';
import { answerText, installedFrom, policyFrom, problemOf } from './world.js';

const folder = fileURLToPath(new URL('../../../fixtures/resolver/', import.meta.url));

interface Golden {
  readonly about: string;
  readonly request: string;
  readonly packages: string;
  readonly installed: string;
  /** pins, see policyFrom; a line that is not there means: no policy at all */
  readonly pins: string;
  readonly answer: string;
}

function parse(text: string): Golden {
  const part = (name: string): string => {
    const start = text.indexOf(`\n--- ${name}\n`);
    if (start < 0) return '';
    const from = start + name.length + 6;
    const end = text.indexOf('\n--- ', from - 1);
    return text.slice(from, end < 0 ? undefined : end).trim();
  };
  return {
    about: text.slice(0, text.indexOf('\n')),
    request: part('request'),
    packages: part('packages'),
    installed: part('installed'),
    pins: part('pins'),
    answer: part('answer'),
  };
}

// A question that means nothing is no question: the error, as the command line prints it.
function resolveOrRefuse(problem: Problem): Resolution | string {
  try {
    return resolve(problem);
  } catch (error) {
    if (error instanceof GtpkgError)
      return `error[${error.code}]: ${error.message}\n  next: ${error.hint ?? ''}`;
    throw error;
  }
}

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()) {
  const text = readFileSync(folder + file, 'utf8');
  const golden = parse(text);
  test(`${file}: ${golden.about}`, () => {
    const policy = policyFrom(golden.pins);
    const problem = {
      ...problemOf(golden.request, golden.packages, golden.installed),
      ...(policy === undefined ? {} : { policy }),
    };
    const resolution = resolveOrRefuse(problem);
    const answer = typeof resolution === 'string' ? resolution : answerText(resolution);
    if (process.env['GOLDEN'] === 'write') {
      const cut = text.indexOf('\n--- answer\n');
      writeFileSync(
        folder + file,
        `${(cut < 0 ? text : text.slice(0, cut)).trimEnd()}\n--- answer\n${answer}\n`,
      );
      return;
    }
    assert.equal(answer, golden.answer);
    if (typeof resolution === 'string' || resolution.kind === 'solution') return;
    const { sentences, minimal } = resolution.explanation;
    assert.ok(sentences.length <= 5);
    assert.ok(minimal);
  });
}

const INSTALLED = [
  'editor 2; Depends: toolkit (>= 3); Recommends: speller | dictionary',
  'toolkit 4; auto; Pre-Depends: base; Depends: libc',
  'speller 1; auto; Depends: words',
  'words-en 7; auto; Provides: words',
  'base 1; auto; Essential: yes; Depends: libc',
  'libc 2; auto',
  'orphan 1; auto; Depends: libc',
  'pinned 1; auto; held; Depends: orphan2',
  'orphan2 1; auto',
].map(installedFrom);

const why = (name: string): string =>
  whyInstalled({ installed: INSTALLED, architecture: 'amd64' }, name).text;

test('why a package is there: the shortest way from something that stays for its own sake', () => {
  assert.equal(why('editor'), 'editor 2 is there because you installed it.');
  assert.equal(why('toolkit'), 'editor 2, which you installed, depends on toolkit (>= 3).');
  assert.equal(why('base'), 'base 1 is essential: it always stays.');
  assert.equal(why('libc'), 'base 1, which is essential, depends on libc.');
  assert.equal(
    why('words-en'),
    'editor 2, which you installed, recommends speller | dictionary, which speller satisfies; that depends on words, which words-en satisfies.',
  );
  assert.equal(why('orphan'), 'orphan 1 came as a dependency and nothing needs it any more.');
  assert.equal(why('pinned'), 'pinned 1 is there because you hold it.');
  assert.equal(why('orphan2'), 'pinned 1, which you hold, depends on orphan2.');
  const { kind, chain } = whyInstalled({ installed: INSTALLED, architecture: 'amd64' }, 'words-en');
  assert.equal(kind, 'needed');
  assert.deepEqual(
    chain.map(({ from, field, to }) => [from, field, to]),
    [
      ['editor', 'Recommends', 'speller'],
      ['speller', 'Depends', 'words-en'],
    ],
  );
  assert.throws(
    () => why('nothing'),
    (error) => error instanceof GtpkgError && error.code === 'NOT_INSTALLED',
  );
});
