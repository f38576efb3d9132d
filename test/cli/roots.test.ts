/** What a seeder keeps for the way back of this home's roots. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Context, settingsFrom } from '../../cli/context.js';
import { coresOfHistory, rememberRoot } from '../../cli/workflows/roots.js';
import { readHistory } from '../../installer/index.js';
import * as h from '../installer/helpers.js';

test('a seeder keeps what the last transactions of every known root need, deltas and their bases too', async (t) => {
  const home = h.tempDir(t);
  const [one, two] = [join(home, 'one'), join(home, 'two')];
  const context = (root: string): Context => new Context(settingsFrom({ home, root }, {}));
  const spec = (version: string): h.PackageSpec => ({ name: 'aa', version, files: { x: version } });
  const core = (version: string): string => h.release(spec(version)).pin.core.key;
  const via = {
    from: h.release(spec('2')).pin.tree,
    core: { ...h.release(spec('9')).pin.core, byteLength: 7 },
  };
  const third = { ...h.install(spec('3')), via } as ReturnType<typeof h.install>;
  for (const step of [h.install(spec('1')), h.install(spec('2')), third, h.install(spec('4'))])
    await h.run(one, [step]);
  await h.run(two, [h.install({ name: 'bb', files: { y: '1' } })]);
  const other = h.release({ name: 'bb', files: { y: '1' } }).pin.core.key;
  assert.deepEqual(readHistory(one)[2]?.changes[0]?.via, { from: via.from, core: via.core.key, coreSize: 7 });

  assert.deepEqual([...(await coresOfHistory(context(one), 0))], []);
  // 4 → 3, and 3 is made from 2 and a delta
  const last = await coresOfHistory(context(one), 1);
  assert.deepEqual([...last].sort(), [core('2'), core('3'), core('4'), core('9')].sort());
  assert.ok((await coresOfHistory(context(one), 3)).has(core('1') as never));
  assert.ok(!last.has(other), 'nobody told of the other root');
  await rememberRoot(context(two));
  await rememberRoot(context(one));
  assert.ok((await coresOfHistory(context(one), 1)).has(other));
  await writeFile(join(home, 'roots.json'), 'rubbish');
  assert.equal((await coresOfHistory(context(one), 1)).size, 4);
});
