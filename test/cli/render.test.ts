/** Tables, facts, sizes, times, plans, history and bars as they are printed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { renderHistory } from '../../cli/render/history.js';
import { renderChange, renderPlan } from '../../cli/render/plan.js';
import { Quiet } from '../../cli/render/quiet.js';
import { Bars } from '../../cli/render/progress.js';
import { showsColors } from '../../cli/render/colors.js';
import { count, facts, oneLine, size, table } from '../../cli/render/table.js';
import { time, until } from '../../cli/render/time.js';
import { cut, isPlain, loadWidths, width } from '../../cli/render/width.js';
import type { Change, PlannedStep } from '../../cli/workflows/decide.js';

await loadWidths();
// eslint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/\x1b\[[0-9;]*m/g, '');

describe('widths', () => {
  test('wide characters take two columns, combining ones none', () => {
    assert.equal(width('単語'), 4);
    assert.equal(width('e\u0301'), 1);
    assert.equal(width('👩‍👩‍👧'), 2);
    assert.equal(width('Größe → 3 …'), 11);
  });

  test('what counts as plain is as wide as it is long, says the library', () => {
    const latin = fc.string({
      unit: fc.integer({ min: 32, max: 0x2ff }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.oneof(latin, fc.string({ unit: 'binary' })), (text) => {
        // the library takes © and ® for emoji; terminals do not
        fc.pre(isPlain(text) && !/[\n\x1b©®]/.test(text));
        // the character at the end makes that the library is asked
        assert.equal(width(`${text}単`), text.length + 2);
      }),
    );
  });

  test('a cut text is never too wide, and whole when it fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, columns) => {
        const short = cut(text, columns);
        assert.ok(width(short) <= columns);
        if (width(text) <= columns) assert.equal(short, text);
        else assert.ok(short.endsWith('…'));
      }),
    );
  });

  test('no grapheme is cut in two', () => {
    assert.equal(cut('👩‍👩‍👧👩‍👩‍👧', 3), '👩‍👩‍👧…');
    assert.equal(cut('e\u0301e\u0301e\u0301', 2), 'e\u0301…');
  });
});

describe('tables', () => {
  const lines = (text: string): string[] => plain(text).split('\n');

  test('columns are as wide as their widest cell, in columns of the terminal', () => {
    assert.deepEqual(
      lines(
        table(
          ['A', 'B'],
          [
            ['単語', 'x'],
            ['ab', 'y'],
            ['e\u0301', 'z'],
          ],
          80,
        ),
      ),
      ['A     B', '単語  x', 'ab    y', 'e\u0301     z'],
    );
  });

  test('a line fits the terminal: the widest columns give way', () => {
    const rows = [
      ['vim', 'a'.repeat(50), 'b'.repeat(60)],
      ['ed', 'short', '単'.repeat(30)],
    ];
    for (const total of [30, 40, 60, 79, 80, 120]) {
      for (const each of lines(table(['NAME', 'KEY', 'SUMMARY'], rows, total)))
        assert.ok(width(each) <= total, `${width(each)} > ${total}: ${each}`);
    }
    assert.match(lines(table(['NAME', 'KEY', 'SUMMARY'], rows, 40))[1] ?? '', /^vim {3}a+… {2}b+…$/);
  });

  test('property: every line fits from 30 columns on', () => {
    const cell = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }),
        fc.integer({ min: 30, max: 120 }),
        (rows, total) => {
          const text = table(['ONE', 'TWO', 'THREE'], rows, total);
          assert.equal(lines(text).length, rows.length + 1);
          for (const each of lines(text)) assert.ok(width(each) <= total);
        },
      ),
    );
  });

  test('nothing is cut where there is no terminal', () => {
    const long = 'x'.repeat(500);
    assert.ok(table(['A'], [[long]]).includes(long));
  });

  test('control and bidirectional characters are shown, not obeyed; a cell stays on its line', () => {
    const text = plain(table(['A', 'B'], [['\x1b[31mred\x07', 'two\nlines\t\u202e']], 200));
    assert.equal(text.split('\n').length, 2);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f\u202e]/);
    assert.match(text, /\\u001b\[31mred\\u0007/);
  });

  test('facts: values aligned, empty ones left out, hostile ones on one line', () => {
    assert.equal(
      plain(
        facts([
          ['Name', 'a'],
          ['Long name', 'b\nState: installed'],
          ['No', undefined],
          ['Empty', ''],
        ]),
      ),
      'Name:      a\nLong name: b\\nState: installed',
    );
    assert.equal(oneLine('a\tb\nc\u009b'), 'a\\tb\\nc\\u009b');
  });
});

test('sizes and counts', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1633, '1.63 kB'],
    [99_949, '99.9 kB'],
    [123_456, '123 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [80_000_000, '80.0 MB'],
    [2e15, '2000 TB'],
    [-1500, '-1.50 kB'],
  ] as const)
    assert.equal(size(bytes), text);
  assert.deepEqual(
    [count(0, 'package'), count(1, 'package'), count(2, 'package')],
    ['0 packages', '1 package', '2 packages'],
  );
});

test('times are local and to the second; what is no time stays as it is', () => {
  const date = new Date(2026, 10, 22, 13, 6, 7);
  assert.equal(time(date.toISOString()), '2026-11-22 13:06:07');
  assert.equal(time('yesterday'), 'yesterday');
  const now = new Date('2026-11-22T12:00:00Z');
  assert.match(until('2026-12-22T12:00:00Z', now), /^2026-12-22 \(in 30 days\)$/);
  assert.match(until('2026-11-23T12:00:00Z', now), /\(in 1 day\)$/);
  assert.match(until('2026-11-22T13:00:00Z', now), /\(today\)$/);
  assert.match(until('2026-11-21T12:00:00Z', now), /\(1 day ago\)$/);
  assert.equal(until('never', now), 'never');
});

test('colours: only on a terminal, unless asked for; never against NO_COLOR', () => {
  const terminal = { isTTY: true };
  const file = { isTTY: false };
  assert.equal(showsColors(terminal, {}), true);
  assert.equal(showsColors(file, {}), false);
  assert.equal(showsColors(file, { CI: '1' }), false);
  assert.equal(showsColors(terminal, { NO_COLOR: '1' }), false);
  assert.equal(showsColors(terminal, { NO_COLOR: '' }), true);
  assert.equal(showsColors(terminal, { TERM: 'dumb' }), false);
  assert.equal(showsColors(file, { FORCE_COLOR: '1' }), true);
  assert.equal(showsColors(terminal, { FORCE_COLOR: '0' }), false);
  assert.equal(showsColors(file, { FORCE_COLOR: '1', NO_COLOR: '1' }), false);
});

const step = (over: Partial<PlannedStep>): PlannedStep => ({
  kind: 'install',
  name: 'hello',
  from: null,
  to: '1.0',
  source: 'acme',
  auto: false,
  reason: 'you asked for it',
  ...over,
});
const change = (over: Partial<Change>): Change => ({
  root: '/r',
  rootExists: true,
  dryRun: false,
  steps: [],
  already: [],
  heldBack: [],
  purged: [],
  conffilesKept: [],
  autoremovable: [],
  missed: [],
  downloadSize: 0,
  savedByDeltas: 0,
  sizeChange: 0,
  transaction: null,
  notes: [],
  scriptsNotRun: [],
  ...over,
});

describe('plans', () => {
  const steps = [
    step({}),
    step({ name: 'lib', to: '1:2.0-1', auto: true, reason: 'hello depends on lib' }),
    step({ kind: 'upgrade', name: 'vim', from: '8', to: '9', reason: '9 is newer than 8' }),
    step({ kind: 'remove', name: 'ed', from: '1', to: null, reason: 'you asked to remove it' }),
  ];

  test('columns are aligned and what goes without saying is not said', () => {
    assert.equal(
      plain(
        renderPlan(
          change({
            steps,
            downloadSize: 1500,
            sizeChange: -2048,
            autoremovable: ['x'],
            conffilesKept: ['ed'],
          }),
        ),
      ),
      `To install (2):
  hello  1.0      you asked for it
  lib    1:2.0-1  hello depends on lib
To upgrade (1):
  vim  8 → 9
To remove (1):
  ed  1  you asked to remove it
Conffiles of ed stay; gtpkg remove --purge ed takes them away.
No longer needed: x. gtpkg autoremove takes it away.
1.50 kB to fetch, 2.05 kB freed on disk.`,
    );
  });

  test('the last line counts what was done, by kind', () => {
    assert.equal(
      renderChange(change({ steps, transaction: 7 })),
      'Done: 2 packages installed, 1 package upgraded, 1 package removed. Transaction 7.',
    );
    assert.match(renderChange(change({ steps, dryRun: true })), /Nothing was changed \(--dry-run\)\.$/);
    assert.equal(renderChange(change({ steps })), 'Nothing was changed.');
  });

  test('where there is nothing to do it says why', () => {
    assert.equal(renderChange(change({})), 'Nothing to do.');
    assert.equal(
      renderChange(change({ rootExists: false })),
      'Nothing to do: nothing was ever installed in /r.',
    );
    assert.equal(
      renderChange(change({ already: [{ name: 'hello', version: '1.0', marked: false }] })),
      'hello 1.0 is installed already.',
    );
    assert.equal(
      renderChange(change({ already: [{ name: 'lib', version: '2', marked: true }], transaction: 3 })),
      'lib 2 is installed already; it is marked as asked for now.',
    );
    assert.match(
      renderChange(change({ already: [{ name: 'lib', version: '2', marked: true }], dryRun: true })),
      /it would be marked as asked for\.$/,
    );
    assert.equal(renderChange(change({ purged: ['ed'], transaction: 4 })), 'Removed the conffiles of ed.');
  });

  test('held back: why, and what to do about a hold', () => {
    const heldBack = [
      { name: 'vim', installed: '8', available: '9', held: true, reason: 'it is held' },
      { name: 'editor', installed: '2', available: '3', held: false, reason: 'it needs vim (>= 9)' },
    ];
    assert.equal(
      plain(renderChange(change({ heldBack }))),
      `Held back (2):
  vim     8  it is held
  editor  2  it needs vim (>= 9)
gtpkg unhold vim lets go of what is held.
Nothing to do.`,
    );
  });

  test('names and reasons from outside cannot write to the terminal', () => {
    const text = renderPlan(change({ steps: [step({ name: 'a\x1b[2J', reason: '\x1b]0;x\x07' })] }));
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(plain(text), /\x1b|\x07/);
  });
});

test('history: a table that fits, what happened in words, hostile commands on one line', () => {
  const base = {
    date: '2026-11-22T12:00:00Z',
    user: 'root',
    sudoUser: 'ada',
    command: 'gtpkg install a\n2  fake',
    purpose: { kind: 'change' },
    result: 'done',
  } as const;
  const made = (name: string, action: string, marks: string[] = []): object => ({
    name,
    action,
    from: null,
    to: null,
    marks,
  });
  const transactions = [
    { ...base, id: 3, changes: [], command: 'gtpkg verify --repair' },
    { ...base, id: 2, changes: [made('a', 'install'), made('b', 'remove'), made('c', 'install')] },
    { ...base, id: 1, changes: [made('d', 'mark', ['held'])], result: 'recovered' },
  ];
  const undone = [{ date: '2026-11-22T13:00:00Z', user: 'u', command: 'gtpkg upgrade', why: '' }];
  const lines = plain(renderHistory({ transactions: transactions as never, undone })).split('\n');
  assert.match(lines[0] ?? '', /^ID {2}DATE +USER +CHANGES +COMMAND$/);
  assert.match(lines[1] ?? '', /^- .* u .*taken back: it was killed {2,}gtpkg upgrade$/);
  assert.match(lines[2] ?? '', /^3 .*ada \(as root\) {2}files put back {2,}gtpkg verify --repair$/);
  assert.match(
    lines[3] ?? '',
    /^2 .*ada \(as root\) {2}2 installed, 1 removed {2,}gtpkg install a\\n2 fake$/,
  );
  assert.match(lines[4] ?? '', /^1 .*d held, finished after a kill/);
  for (const columns of [40, 80])
    for (const line of plain(renderHistory({ transactions: transactions as never, undone }, columns)).split(
      '\n',
    ))
      assert.ok(line.length <= columns, `${columns}: ${line}`);
});

describe('bars', () => {
  class Terminal {
    columns = 60;
    lines: string[] = [''];
    #row = 0;
    // as much of a terminal as the bars use
    write(text: string): void {
      // eslint-disable-next-line no-control-regex
      for (const [part] of text.matchAll(/\x1b\[(\d*)([A-Km])|\r|\n|[^\x1b\r\n]+/g)) {
        // eslint-disable-next-line no-control-regex
        const [, n, action] = /^\x1b\[(\d*)([A-Km])$/.exec(part) ?? [];
        if (part === '\n') this.lines[++this.#row] ??= '';
        else if (part === '\r') this.#column = 0;
        else if (action === 'A') this.#row -= Number(n);
        else if (action === 'J') {
          this.lines.length = this.#row + 1;
          this.lines[this.#row] = (this.lines[this.#row] ?? '').slice(0, this.#column);
        } else if (action === 'K')
          this.lines[this.#row] = (this.lines[this.#row] ?? '').slice(0, this.#column);
        else if (action !== 'm') {
          const old = this.lines[this.#row] ?? '';
          this.lines[this.#row] = old.slice(0, this.#column) + part + old.slice(this.#column + part.length);
          this.#column += part.length;
          assert.ok(this.#column < this.columns, `"${part}" reaches the last column`);
        }
        if (part === '\n') this.#column = 0;
      }
    }
    #column = 0;
  }

  function scene(): { terminal: Terminal; bars: Bars; at: (ms: number) => void } {
    const terminal = new Terminal();
    let now = 0;
    const bars = new Bars(terminal, () => now);
    return { terminal, bars, at: (ms) => (now = ms) };
  }

  test('without a terminal there is a word when something takes long, and none before', () => {
    const lines: string[] = [];
    let now = 0;
    const quiet = new Quiet(
      (line) => void lines.push(line),
      () => now,
    );
    now = 90_000; // idle time is no silence
    quiet.report({ kind: 'start', id: 'all', label: 'Publishing', total: 3 });
    quiet.report({ kind: 'advance', id: 'all', done: 0, note: 'one' });
    quiet.report({ kind: 'start', id: 'z', label: 'Compressing', unit: 'bytes' });
    for (const seconds of [1, 19, 21, 22, 40, 42]) {
      now = 90_000 + seconds * 1000;
      quiet.report({ kind: 'advance', id: 'z', done: seconds * 1e6, total: 5e7, note: 'big\u001b[2J 1.0' });
    }
    assert.deepEqual(lines, [
      'Compressing: 21.0 MB of 50.0 MB  big\\u001b[2J 1.0',
      'Compressing: 42.0 MB of 50.0 MB  big\\u001b[2J 1.0',
    ]);
    quiet.report({ kind: 'end', id: 'z' });
    quiet.report({ kind: 'note', text: 'a note' });
    now += 19_000;
    quiet.report({ kind: 'advance', id: 'all', done: 1, note: 'two' });
    assert.equal(lines.at(-1), 'a note');
    now += 2_000;
    quiet.report({ kind: 'advance', id: 'all', done: 2, note: 'three' });
    assert.equal(lines.at(-1), 'Publishing: 2 of 3  three');
    quiet.close();
  });

  test('a short step draws nothing, a longer one a bar, and the end takes it away', () => {
    const { terminal, bars, at } = scene();
    bars.report({ kind: 'start', id: 'a', label: 'Fetching', total: 100, unit: 'bytes' });
    at(20);
    bars.report({ kind: 'advance', id: 'a', done: 10 });
    assert.deepEqual(terminal.lines, ['']);
    at(500);
    bars.report({ kind: 'advance', id: 'a', done: 50, note: '2 peers' });
    assert.match(terminal.lines[0] ?? '', /^Fetching {4}━{11} 50 B of 100 B {2}2 peers$/);
    at(2000);
    bars.report({ kind: 'advance', id: 'a', done: 75 });
    assert.match(terminal.lines[0] ?? '', /75 B of 100 B {2}1 s left {2}2 peers$/);
    bars.close();
    assert.deepEqual(terminal.lines, ['']);
    bars.close();
    assert.deepEqual(terminal.lines, ['']);
  });

  test('notes stand above the bars, each once', () => {
    const { terminal, bars, at } = scene();
    bars.report({ kind: 'start', id: 'a', label: 'One', total: 3 });
    bars.report({ kind: 'start', id: 'b', label: 'Two', total: 3 });
    at(500);
    bars.report({ kind: 'advance', id: 'a', done: 1 });
    bars.report({ kind: 'note', text: 'first\x1b[2J' });
    at(900);
    bars.report({ kind: 'advance', id: 'b', done: 2 });
    bars.report({ kind: 'warning', text: 'second' });
    assert.deepEqual(
      terminal.lines.map((line) => line.replace(/━+/, '━')),
      ['first\\u001b[2J', 'warning: second', 'One         ━ 1 of 3', 'Two         ━ 2 of 3'],
    );
    bars.report({ kind: 'end', id: 'a' });
    at(1010);
    bars.report({ kind: 'advance', id: 'b', done: 3 });
    assert.match(terminal.lines.slice(2).join('|'), /^Two +━+ 3 of 3/);
    bars.close();
    assert.deepEqual(terminal.lines, ['first\\u001b[2J', 'warning: second', '']);
  });

  test('what stands beside a bar gives way on narrow terminals, the amount last', () => {
    const shown = (columns: number): string => {
      const { terminal, bars, at } = scene();
      terminal.columns = columns;
      bars.report({ kind: 'start', id: 'a', label: 'Fetching', total: 8e7, unit: 'bytes' });
      at(2000);
      bars.report({ kind: 'advance', id: 'a', done: 4e7, note: '12 peers' });
      const [line = ''] = terminal.lines;
      bars.close();
      assert.ok(line.length < columns, `${columns}: ${line}`);
      return line.replace(/━+/, '━');
    };
    assert.equal(shown(200), 'Fetching    ━ 40.0 MB of 80.0 MB  20.0 MB/s  2 s left  12 peers');
    assert.equal(shown(80), 'Fetching    ━ 40.0 MB of 80.0 MB  20.0 MB/s  2 s left  12 peers');
    assert.equal(shown(70), 'Fetching    ━ 40.0 MB of 80.0 MB  2 s left  12 peers');
    assert.equal(shown(60), 'Fetching    ━ 40.0 MB of 80.0 MB  2 s left');
    assert.equal(shown(42), 'Fetching    ━ 40.0 MB of 80.0 MB');
    assert.equal(shown(29), 'Fetching    40.0 MB of 80.0…');
  });

  test('a transaction shows how much of it is done, how long it takes still and what it does right now, also at 40 columns', () => {
    const shown = (columns: number): string => {
      const { terminal, bars, at } = scene();
      terminal.columns = columns;
      bars.report({ kind: 'start', id: 't', label: 'Installing', total: 1000, unit: 'parts' });
      at(2000);
      bars.report({ kind: 'advance', id: 't', done: 420, note: 'postinst of a-long-name' });
      const [line = ''] = terminal.lines;
      bars.close();
      assert.ok(line.length < columns, `${columns}: ${line}`);
      return line.replace(/━+/, '━');
    };
    assert.equal(shown(80), 'Installing  ━ 42 %  3 s left  postinst of a-long-name');
    assert.equal(shown(40), 'Installing  42 %  3 s left  postinst o…');
    assert.equal(shown(30), 'Installing  42 %  3 s left');
  });

  test('without a total there is an amount and no bar', () => {
    const { terminal, bars, at } = scene();
    bars.report({ kind: 'start', id: 'a', label: 'Fetching', unit: 'bytes' });
    at(3000);
    bars.report({ kind: 'advance', id: 'a', done: 5_000_000 });
    assert.match(terminal.lines[0] ?? '', /^Fetching {4}5\.00 MB {2}1\.67 MB\/s$/);
    bars.close();
  });
});
