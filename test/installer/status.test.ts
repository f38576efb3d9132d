/** The state files: what is written is read again, what is damaged is not believed. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { pathFromBytes } from '../../model/bytes.js';
import { escapePath, unescapePath } from '../../installer/path-text.js';
import { formatStatus, parseStatus } from '../../installer/status.js';
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
