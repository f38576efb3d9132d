/** The state files: what is written is read again, what is damaged is not believed. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { pathFromBytes } from '../../model/bytes.js';
import { escapePath, unescapePath } from '../../installer/path-text.js';
import { formatStatus, parseStatus, readStatus } from '../../installer/status.js';
import * as h from './helpers.js';

test('paths of any bytes survive as one word of text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const path = pathFromBytes(bytes);
      const text = escapePath(path);
      assert.match(text, /^[^\s]+$/u);
      assert.equal(unescapePath(text), path);
      assert.equal(unescapePath(Buffer.from(text, 'utf8').toString('utf8')), path);
    }),
  );
});

test('the status file: written, read, written again, the same', async (t) => {
  const dir = h.tempDir(t);
  const conffile = 'etc/naïve name 100%';
  await h.run(dir, [
    h.install({
      name: 'aa',
      version: '1:2.0~rc1-3',
      files: { [conffile]: '1', 'opt/x': '1' },
      conffiles: [conffile],
      scripts: { postinst: '' },
    }),
    h.install({ name: 'bb', files: { 'opt/x': '2' }, replaces: 'aa' }, true),
  ]);
  const bytes = fs.readFileSync(join(dir, 'var/lib/gtpkg/status'));
  const status = parseStatus(bytes, 'status');
  assert.ok(formatStatus(status).equals(bytes));
  const aa = status.get('aa');
  assert.deepEqual(aa?.replaced, ['opt/x']);
  assert.equal(aa?.fields.get('Description'), 'package aa\n with more text');
  assert.equal(
    unescapePath(escapePath(aa?.conffiles[0]?.path ?? '')),
    Buffer.from(conffile).toString('latin1'),
  );
  assert.deepEqual([aa?.source, aa?.suite, status.get('bb')?.auto], ['test', 'stable', true]);
});

test('torn status file: cut anywhere, it is refused and nothing is changed', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install({ name: 'aa', files: { x: '1' } }),
    h.install({ name: 'bb', files: { y: '1' } }),
  ]);
  const path = join(dir, 'var/lib/gtpkg/status');
  const bytes = fs.readFileSync(path);
  for (let length = 0; length < bytes.length; length += 7) {
    assert.throws(
      () => parseStatus(bytes.subarray(0, length), 'status'),
      h.coded('STATUS_CORRUPT'),
      `${length} bytes`,
    );
  }
  fs.writeFileSync(path, bytes.subarray(0, bytes.length - 1));
  assert.throws(() => readStatus(dir), h.coded('STATUS_CORRUPT'));
  const before = h.picture(dir);
  await assert.rejects(h.run(dir, [h.remove('aa')]), h.coded('STATUS_CORRUPT'));
  assert.deepEqual(h.picture(dir), before);
});

test('torn journal: cut or changed anywhere, it is refused and nothing is touched; without its end line it was never there', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { x: '1' } })]);
  // a transaction killed while it was placing files
  let count = 0;
  const step = (action: string, path: string): void => {
    if (count > 0 || (action === 'rename' && path === 'x')) throw new Error(`killed ${String(count++)}`);
  };
  await h
    .run(dir, [h.install({ name: 'aa', version: '2', files: { x: '2' } })], { step })
    .catch(() => undefined);
  const state = join(dir, 'var/lib/gtpkg');
  for (const name of fs.readdirSync(state)) if (name.startsWith('lock')) fs.rmSync(join(state, name));
  const journal = join(state, 'journal');
  const bytes = fs.readFileSync(journal);
  const before = h.picture(dir);
  const damaged = [
    bytes.subarray(0, bytes.length - 30),
    bytes.subarray(0, 10),
    Buffer.alloc(0),
    Buffer.from(bytes.toString('latin1').replace('"x"', '"y"'), 'latin1'),
  ];
  for (const bad of damaged) {
    fs.writeFileSync(journal, bad);
    await assert.rejects(h.open(dir), h.coded('JOURNAL_CORRUPT'));
    assert.deepEqual(h.picture(dir), before);
  }
  // a commit mark that was cut short was never acknowledged: undone
  fs.writeFileSync(journal, Buffer.concat([bytes, Buffer.from('{"committed":tr')]));
  const { report, texts } = h.listener();
  (await h.open(dir, { report })).close();
  assert.match(texts.join(), /back in the state before/);
  assert.equal(h.read(dir, 'x'), '1');
  assert.equal(readStatus(dir).get('aa')?.version, '1');
});

test('attack: a journal cannot name paths outside the root', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { x: '1' } })]);
  const { createHash } = await import('node:crypto');
  for (const path of ['../victim', '/etc/passwd', 'a/../../b']) {
    const head = { journal: 1, id: 2, command: 'x', areas: [], prune: [] };
    const body = [head, { kind: 'place', staged: 'x', path }]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
    const end = { end: 1, sha256: createHash('sha256').update(body).digest('hex') };
    fs.writeFileSync(join(dir, 'var/lib/gtpkg/journal'), `${body}${JSON.stringify(end)}\n`);
    await assert.rejects(h.open(dir), h.coded('JOURNAL_CORRUPT'));
  }
});

test('reading the status loads next to nothing', () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from] of fs
      .readFileSync(file, 'utf8')
      .matchAll(/^import .*? from '([^']+)';|^export .*? from '([^']+)';/gms)) {
      if (from?.startsWith('.') === true) visit(join(file, '..', from));
      else if (from !== undefined) assert.match(from, /^node:(fs|path)$/, `${file} imports ${from}`);
    }
  };
  visit(fileURLToPath(new URL('../../installer/status.js', import.meta.url)));
  const names = [...seen].map((file) => file.split('/').slice(-2).join('/')).sort();
  assert.deepEqual(names, [
    'installer/path-text.js', 'installer/state.js', 'installer/status.js', 'installer/walk.js',
    'model/bytes.js', 'model/deb822.js', 'model/errors.js', 'model/limits.js',
  ]); // prettier-ignore
});
