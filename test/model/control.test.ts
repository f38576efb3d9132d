/** Control paragraphs: deb-control(5), and every one that Debian has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  controlFrom,
  GtpkgError,
  limits,
  parseControl,
  parseParagraph,
  type Control,
} from '../../model/index.js';
import { debian } from '../resolver/debian.js';

const GOOD = 'Package: hello\nVersion: 2.10-3\nArchitecture: amd64\nMaintainer: A <a@b.c>\n';

const read = (text: string): Control => parseControl(Buffer.from(text, 'utf8'), 'control');

const code = (text: string): string => {
  try {
    read(text);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof GtpkgError, String(error));
    return error.code;
  }
};

test('a control file, typed', () => {
  const control = read(
    `${GOOD}Essential: yes\nMulti-Arch: allowed\nInstalled-Size: 280\nSection: devel\nPriority: optional\nDepends: libc6 (>= 2.34), a | b\nProvides: hi (= 1), ho\nBreaks: x (<< 2)\nDescription: a greeting\n and more\n`,
  );
  assert.equal(control.name, 'hello');
  assert.equal(control.version, '2.10-3');
  assert.deepEqual([control.essential, control.multiArch, control.installedSize], [true, 'allowed', 280]);
  assert.deepEqual([control.section, control.priority, control.summary], ['devel', 'optional', 'a greeting']);
  assert.equal(control.relations.depends.length, 2);
  assert.deepEqual(control.relations.provides, [{ name: 'hi', operator: '=', version: '1' }, { name: 'ho' }]);
  assert.deepEqual(control.relations.breaks, [{ name: 'x', operator: '<<', version: '2' }]);
  const plain = read(GOOD);
  assert.deepEqual(
    [plain.essential, plain.multiArch, plain.installedSize, plain.summary],
    [false, 'no', 0, ''],
  );
});

test('what is refused, and how', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', 'CONTROL_MALFORMED'],
    ['Package: hello\n', 'CONTROL_MALFORMED'],
    [GOOD.replace('2.10-3', ''), 'CONTROL_MALFORMED'],
    [`${GOOD}\n${GOOD}`, 'CONTROL_MALFORMED'],
    [`${GOOD}Version: 3\n`, 'CONTROL_MALFORMED'],
    [` continued\n${GOOD}`, 'CONTROL_MALFORMED'],
    [`${GOOD}no colon\n`, 'CONTROL_MALFORMED'],
    [GOOD.replace('hello', 'Hello'), 'BAD_NAME'],
    [GOOD.replace('hello', 'h'), 'BAD_NAME'],
    [GOOD.replace('hello', '../../etc'), 'BAD_NAME'],
    [GOOD.replace('hello', 'h'.repeat(200)), 'BAD_NAME'],
    [GOOD.replace('2.10-3', '2.10_3'), 'BAD_VERSION'],
    [GOOD.replace('2.10-3', 'a'), 'BAD_VERSION'],
    [GOOD.replace('amd64', 'AMD 64'), 'CONTROL_MALFORMED'],
    [GOOD.replace('amd64', '../x'), 'CONTROL_MALFORMED'],
    [`${GOOD}Multi-Arch: perhaps\n`, 'CONTROL_MALFORMED'],
    [`${GOOD}Depends: a (\n`, 'BAD_RELATION'],
    [`${GOOD}Conflicts: a | b\n`, 'BAD_RELATION'],
    [`${GOOD}Provides: a (>= 1)\n`, 'BAD_RELATION'],
    [`${GOOD}Depends: ${'a, '.repeat(limits.MAX_RELATIONS + 1)}\n`, 'LIMIT_EXCEEDED'],
    [`${GOOD}Description: ${'x'.repeat(limits.MAX_FIELD)}\n`, 'CONTROL_MALFORMED'],
    [`${GOOD}Description: x\n${' y\n'.repeat(limits.MAX_CONTROL / 3)}`, 'LIMIT_EXCEEDED'],
  ];
  for (const [text, expected] of rows) assert.equal(code(text), expected, JSON.stringify(text.slice(-60)));
  assert.throws(() => parseControl(Buffer.from([...Buffer.from(GOOD), 0xff, 10]), 'control'), {
    code: 'CONTROL_MALFORMED',
  });
});

test('sizes that are no sane number count as not stated', () => {
  for (const size of ['-5', '1e9', '9'.repeat(400), 'many', '', '0x10', '1.5', '٣']) {
    assert.equal(read(`${GOOD}Installed-Size: ${size}\n`).installedSize, 0, size);
  }
});

const found = debian();

test('every paragraph of Debian main', { skip: typeof found === 'string' ? found : false }, () => {
  if (typeof found === 'string') return;
  for (const stanza of found.stanzas()) {
    const control = controlFrom(parseParagraph(stanza, { where: 'Packages' }), 'Packages');
    assert.ok(stanza.startsWith(`Package: ${control.name}\n`));
  }
});
