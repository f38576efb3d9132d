/** Set-uid programs and device nodes: as the manifest says, and as far as the user lets them in. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTransaction, type TransactionRequest, type TransactionResult } from '../../installer/index.js';
import * as h from './helpers.js';

const isRoot = process.getuid?.() === 0;
const su = (version: string, mode: number, more: h.PackageSpec['files'] = {}): h.PackageSpec => ({
  name: 'su',
  version,
  files: { 'usr/bin/su': { content: version, mode }, 'srv/shared': { type: 'd', mode: 0o2775 }, ...more },
});

async function install(
  dir: string,
  spec: h.PackageSpec,
  setting: Pick<TransactionRequest, 'specialFiles' | 'askSpecialFiles'>,
): Promise<TransactionResult> {
  const root = await h.open(dir);
  const report = (): void => undefined;
  try {
    const steps = [h.install(spec)];
    return await runTransaction(root, {
      steps,
      command: 't',
      now: h.NOW,
      indexCommits: {},
      report,
      ...setting,
    });
  } finally {
    root.close();
  }
}

test('what is new is named, refused where that is set, and what was there before is nothing new', async (t) => {
  const dir = h.tempDir(t);
  const refuse = { specialFiles: 'refuse' } as const;
  await install(dir, su('1', 0o755), refuse);
  const before = h.wholeState(dir);
  await assert.rejects(
    install(dir, su('2', 0o4755), refuse),
    h.coded('POLICY_REFUSED', /\/usr\/bin\/su \(set-uid, root:root\)/),
  );
  assert.deepEqual(h.wholeState(dir), before);
  const { notes } = await install(dir, su('2', 0o4755), {});
  assert.match(notes.join('\n'), /New files that lend rights: \/usr\/bin\/su \(set-uid, root:root\)/);
  assert.equal(fs.statSync(join(dir, 'usr/bin/su')).mode & 0o7777, isRoot ? 0o4755 : 0o755);
  // the same bits as before, another version
  const again = await install(dir, su('3', 0o4755), refuse);
  assert.doesNotMatch(again.notes.join('\n'), /lend rights/);
  await assert.rejects(install(dir, su('4', 0o6755), refuse), h.coded('POLICY_REFUSED'));
  await assert.rejects(
    install(dir, su('4', 0o4755, { 'dev/mem': { type: 'c', link: '1:1', mode: 0o640 } }), refuse),
    h.coded('POLICY_REFUSED', /dev\/mem \(device/),
  );
});

test('whoever is asked decides, once for all of them', async (t) => {
  const dir = h.tempDir(t);
  const asked: string[] = [];
  const ask = (answer: boolean) => ({
    askSpecialFiles: async (files: readonly { readonly path: string }[]) => {
      asked.push(files.map(({ path }) => path).join(' '));
      return Promise.resolve(answer);
    },
  });
  const spec = su('1', 0o4755, { 'usr/bin/wall': { content: 'w', mode: 0o2755 } });
  await assert.rejects(install(dir, spec, ask(false)), h.coded('POLICY_REFUSED'));
  assert.equal(h.exists(dir, 'usr'), false);
  await install(dir, spec, ask(true));
  assert.deepEqual(asked, ['/usr/bin/su /usr/bin/wall', '/usr/bin/su /usr/bin/wall']);
});
