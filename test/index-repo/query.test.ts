/**
 * Compiled query files: what they answer, that an incremental one equals a fresh one, and what they do not load.
 */
import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Oid } from '../../model/index.js';
import {
  changeIndex,
  compileQuery,
  createIndex,
  QueryFile,
  type IndexChange,
  type QueryEntry,
} from '../../index-repo/index.js';
import { inTemp } from '../git/support.js';
import { coreKey, makeEntry, makeSigner, type TestSigner } from './support.js';

let ada: TestSigner;
before(async () => {
  ada = await makeSigner('Ada');
});

type Fields = Record<string, string>;
const add = (suite: string, name: string, version: string, fields: Fields = {}): IndexChange => ({
  kind: 'add',
  suite,
  entry: makeEntry(name, version, ada.fingerprint, { fields }),
});

async function create(dir: string): Promise<void> {
  await createIndex(dir, {
    name: 'test',
    suites: ['stable', 'next'],
    roots: [ada],
    indexCore: coreKey('log'),
    now: new Date(),
  });
}

async function change(dir: string, changes: IndexChange[]): Promise<Oid> {
  return (
    await changeIndex(dir, { changes, signers: [ada], now: new Date(), allowOlder: true, refresh: true })
  ).commit;
}

const shown = (entry: QueryEntry): string =>
  `${entry.suite} ${entry.pin.name} ${entry.pin.version} ${entry.pin.architecture}`;

/** Opens, asks, closes. */
function using<T>(path: string, work: (file: QueryFile) => T): T {
  const file = QueryFile.open(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}

/** All that a file can answer. */
function everything(file: QueryFile): unknown {
  const names = [...file.names()];
  return {
    commit: file.commit,
    entries: names.map((name) => file.byName(name).map((entry) => [entry.suite, entry.fields.toString()])),
    provided: ['v1', 'v2', 'v3'].map((name) => file.providers(name).map(shown).sort()),
    search: ['pkg', 'does', 'more', 'x'].map((word) => file.search([word])),
  };
}

describe('a query file', () => {
  test('finds by name and by what is provided, in all suites, for the wanted architectures and all', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'query');
      await create(join(dir, 'i'));
      const commit = await change(join(dir, 'i'), [
        add('stable', 'hello', '1'),
        add('stable', 'hello', '2'),
        add('next', 'hello', '3', { Provides: 'greeter (= 3), mta' }),
        add('stable', 'postfix', '1', { Provides: 'mta' }),
        add('stable', 'data', '1', { Architecture: 'all' }),
        add('stable', 'hello', '2', { Architecture: 'arm64' }),
      ]);
      const made = await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      assert.deepEqual([made.names, made.entries], [3, 5]);
      using(path, (file) => {
        assert.equal(file.commit, commit);
        assert.deepEqual(file.byName('hello').map(shown), [
          'next hello 3 amd64',
          'stable hello 1 amd64',
          'stable hello 2 amd64',
        ]);
        assert.deepEqual(file.byName('data').map(shown), ['stable data 1 all']);
        assert.deepEqual(file.byName('mta'), []);
        assert.deepEqual(file.providers('mta').map(shown).sort(), [
          'next hello 3 amd64',
          'stable postfix 1 amd64',
        ]);
        assert.deepEqual(file.providers('greeter').map(shown), ['next hello 3 amd64']);
        assert.deepEqual(file.providers('hello'), [], 'its own name is not provided');
        assert.deepEqual([...file.names()], ['data', 'hello', 'postfix']);
        assert.deepEqual([file.has('hello'), file.has('hell'), file.has('')], [true, false, false]);
        const [entry] = file.byName('postfix');
        assert.ok(entry);
        assert.equal(entry.control.relations.provides[0]?.name, 'mta');
        const { listed, ...pin } = entry.pin;
        assert.deepEqual(
          pin,
          makeEntry('postfix', '1', ada.fingerprint, { fields: { Provides: 'mta' } }).pin,
        );
        assert.ok(listed instanceof Date, 'the index says since when it is listed');
        assert.deepEqual(file.startingWith('p'), ['postfix']);
        assert.deepEqual(file.startingWith('', 2), ['data', 'hello']);
        assert.deepEqual(file.startingWith('zz'), []);
      });
    }));

  test('searches name, summary and description, best first, all words, without regard to case', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'query');
      await create(join(dir, 'i'));
      const described = (name: string, description: string, version = '1') =>
        add('stable', name, version, { Description: description });
      const commit = await change(join(dir, 'i'), [
        described('zed', 'nothing\n this one is a great EDITOR'),
        described('nano', 'small Editor\n for the terminal'),
        described('the-editor', 'x'),
        described('editor-data', 'x'),
        described('editor', 'x'),
        described('other', 'Größe\n über alles'),
        described('sum', 'one\n two three\u2028Provides: greeter\u2028 four'),
        described('old', 'was an editor', '1'),
        described('old', 'is no more', '2'),
      ]);
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      using(path, (file) => {
        const find = (...words: string[]) => file.search(words).map((hit) => hit.name);
        assert.deepEqual(find('editor'), ['editor', 'editor-data', 'the-editor', 'nano', 'zed']);
        assert.deepEqual(find('EDITOR', 'small'), ['nano']);
        assert.deepEqual(find('editor small'), ['nano']);
        assert.deepEqual(find('terminal'), ['nano']);
        assert.deepEqual(find('GRÖSSE'), []);
        assert.deepEqual(find('größe'), ['other']);
        assert.deepEqual(find('editor', 'nowhere'), []);
        assert.deepEqual(find(), []);
        assert.deepEqual(find(' '), []);
        assert.deepEqual(file.search(['editor'], { limit: 2 }).length, 2);
        assert.deepEqual(file.search(['no more'])[0], {
          ...{ name: 'old', version: '2', summary: 'is no more' },
          score: 280,
        });
        // beginnings, parts, and nearly so; what is found properly is not looked for nearly so
        assert.deepEqual(find('edit').slice(0, 3), ['editor', 'editor-data', 'the-editor']);
        assert.deepEqual(find('dito', 'small'), ['nano']);
        assert.deepEqual(find('edtior', 'termnal'), ['nano']);
        assert.deepEqual(find('sm'), ['nano']);
        assert.deepEqual(find('ma'), [], 'two letters are parts of everything');
        assert.deepEqual(find('smaall'), ['nano']);
        assert.deepEqual(find('slma'), [], 'two errors in a short word');
        // to JavaScript U+2028 ends a line; it must not make a field
        assert.deepEqual(file.providers('greeter'), []);
        assert.deepEqual(find('four'), ['sum']);
      });
    }));

  test('of an empty index, and of none', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'query');
      await create(join(dir, 'i'));
      assert.throws(() => QueryFile.open(path), { code: 'INDEX_NOT_FOUND' });
      const commit = await change(join(dir, 'i'), []);
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      using(path, (file) => {
        assert.deepEqual(
          [file.size, [...file.names()], file.byName('x'), file.search(['x']), file.providers('x')],
          [0, [], [], [], []],
        );
      });
    }));

  test('cut short or damaged is refused and made anew', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'query');
      await create(join(dir, 'i'));
      const commit = await change(join(dir, 'i'), [add('stable', 'hello', '1')]);
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      const whole = readFileSync(path);
      for (const length of [0, 7, 100, 300, whole.length - 1]) {
        writeFileSync(path, whole);
        truncateSync(path, length);
        assert.throws(() => QueryFile.open(path), { code: 'INDEX_CORRUPT' }, String(length));
      }
      writeFileSync(path, Buffer.concat([whole, Buffer.from('x')]));
      assert.throws(() => QueryFile.open(path), { code: 'INDEX_CORRUPT' });
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      assert.deepEqual(readFileSync(path), whole);
    }));

  test('for other architectures is compiled from the start', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'query');
      await create(join(dir, 'i'));
      const commit = await change(join(dir, 'i'), [
        add('stable', 'hello', '1'),
        add('stable', 'hello', '1', { Architecture: 'arm64' }),
      ]);
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['amd64'] });
      await compileQuery(join(dir, 'i'), commit, { path, architectures: ['arm64', 'amd64'] });
      using(path, (file) => assert.equal(file.byName('hello').length, 2));
    }));

  test('property: made from an older one it answers as one made from nothing; only changed shards are read', () =>
    inTemp(async (dir) => {
      const name = fc.constantFrom(...Array.from({ length: 12 }, (_, i) => `pkg-${i}`));
      const suite = fc.constantFrom('stable', 'next');
      const fields = fc.record({
        Architecture: fc.constantFrom('amd64', 'all', 'arm64'),
        Provides: fc.constantFrom('v1', 'v1 (= 2), v2', 'v3'),
        Description: fc.constantFrom('one\n more', 'two x', 'three\n does'),
      });
      const step = fc.array(
        fc.record({
          suite,
          name,
          version: fc.integer({ min: 1, max: 5 }).map(String),
          fields,
          remove: fc.boolean(),
        }),
        { maxLength: 6 },
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 4 }), async (steps) => {
          const base = join(dir, String(run++));
          const index = `${base}.git`;
          await create(index);
          const model = new Map<string, true>();
          for (const changes of steps) {
            const wanted: IndexChange[] = [];
            const seen = new Set<string>();
            for (const { suite, name, version, fields, remove } of changes) {
              const place = `${suite} ${name} ${fields.Architecture}`;
              if (seen.has(place)) continue;
              seen.add(place);
              if (remove && model.has(place))
                wanted.push({ kind: 'remove', suite, name, architecture: fields.Architecture });
              else
                wanted.push(
                  add(suite, name, version, { ...fields, Provides: `${fields.Provides}, r${version}` }),
                );
              model.set(place, true);
              if (remove && wanted.at(-1)?.kind === 'remove') model.delete(place);
            }
            let commit: Oid;
            try {
              commit = await change(index, wanted);
            } catch (error) {
              // the same version with other contents
              if ((error as { code?: string }).code === 'ALREADY_EXISTS') return;
              throw error;
            }
            const options = { path: `${base}.old`, architectures: ['amd64'] };
            const built = await compileQuery(index, commit, options);
            const fresh = await compileQuery(index, commit, { ...options, path: `${base}.fresh.${commit}` });
            assert.ok(built.shards <= fresh.shards);
            assert.deepEqual([built.names, built.entries], [fresh.names, fresh.entries]);
            assert.deepEqual(using(options.path, everything), using(`${base}.fresh.${commit}`, everything));
          }
        }),
        { numRuns: 12 },
      );
    }));

  test('query.js, state.js and sync.js load neither git objects nor openpgp', () => {
    const room = new URL('../../index-repo/', import.meta.url);
    for (const entry of ['query.js', 'state.js', 'sync.js', 'entry.js']) {
      const seen = new Set<string>();
      const visit = (url: URL): void => {
        if (seen.has(url.href)) return;
        seen.add(url.href);
        const source = readFileSync(url, 'utf8');
        for (const [, target] of source.matchAll(/^(?:import|export) (?:[^;]*? from )?'([^']+)';/gm)) {
          if (target?.startsWith('.') === true) visit(new URL(target, url));
          else assert.match(target ?? '', /^node:/, `${entry} loads ${target}`);
        }
      };
      visit(new URL(entry, room));
      const heavy = [...seen].filter((href) => /\/(trust|git)\//.test(href) && !href.endsWith('/git/io.js'));
      assert.deepEqual(heavy, [], entry);
    }
  });
});
