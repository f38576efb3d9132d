/** deb822: fields in, fields out, and no value that becomes a field. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, limits, Paragraph, parseParagraph, parseParagraphs } from '../../model/index.js';

const malformed = (error: unknown) => error instanceof GtpkgError && error.code === 'CONTROL_MALFORMED';
const where = { where: 'test' };

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/);
const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.replace(/[\r\n\f\v]/g, '').replace(/^[ \t]+|[ \t]+$/g, ''));
const value = fc
  .tuple(
    text,
    fc.array(
      text.filter((line) => line !== ''),
      { maxLength: 3 },
    ),
  )
  .map(([first, more]) => [first, ...more.map((line) => ` ${line}`)].join('\n'));
const fields = fc.uniqueArray(fc.tuple(name, value), {
  maxLength: 6,
  selector: ([key]) => key.toLowerCase(),
});

describe('round trips', () => {
  test('parse(format(x)) = x, for several paragraphs too', () => {
    fc.assert(
      fc.property(
        fc.array(
          fields.filter((all) => all.length > 0),
          { minLength: 1, maxLength: 4 },
        ),
        (paragraphs) => {
          const written = paragraphs.map((all) => Paragraph.of(all).toString()).join('\n');
          const read = parseParagraphs(written, where);
          assert.deepEqual(
            read.map((p) => [...p.entries()]),
            paragraphs,
          );
          assert.equal(read.map(String).join('\n'), written);
        },
      ),
    );
  });

  test('white space that is not of deb822 belongs to the value', () => {
    const paragraph = parseParagraph('A: x\u00a0\nB:\n \u00a0\n y\u3000\n', where);
    assert.equal(paragraph.get('A'), 'x\u00a0');
    assert.equal(paragraph.get('B'), '\n \u00a0\n y\u3000');
  });

  test('CRLF, tabs, comments, many empty lines', () => {
    const read = parseParagraphs('\r\n\nA:\tx \r\n# no\r\n\ty\r\n \t \r\n\nB: z', where);
    assert.deepEqual(
      read.map((p) => p.toJSON()),
      [{ A: 'x\n\ty' }, { B: 'z' }],
    );
  });

  test('names are matched without regard to case, and keep their spelling', () => {
    const paragraph = parseParagraph('InStAlLeD-Size: 1\n', where);
    assert.equal(paragraph.get('installed-size'), '1');
    assert.equal(paragraph.toString(), 'InStAlLeD-Size: 1\n');
    paragraph.set('Installed-Size', '2');
    assert.equal(paragraph.toString(), 'Installed-Size: 2\n');
  });
});

describe('refused', () => {
  const inputs: Record<string, string> = {
    'a continuation first': ' x\n',
    'a continuation after an empty line': 'A: x\n\n y\n',
    'a line without a colon': 'A: x\nhello\n',
    'no name': ': x\n',
    'a name with a space': 'A B: x\n',
    'a name that starts with a hyphen': '-A: x\n',
    'a name that is not ASCII': 'Ä: x\n',
    'a control byte in a name': 'A\u0000B: x\n',
    'a field twice': 'A: x\nA: y\n',
    'a field twice, in another case': 'Depends: x\ndEPENDS: y\n',
    'a field too large': `A: ${'x'.repeat(limits.MAX_FIELD)}\n`,
    'a field too large in many lines': `A:\n${` ${'x'.repeat(1000)}\n`.repeat(600)}`,
  };
  for (const [what, input] of Object.entries(inputs)) {
    test(what, () => {
      assert.throws(() => parseParagraphs(input, where), malformed);
      assert.throws(
        () => parseParagraphs(input, { where: 'x', code: 'ENTRY_MALFORMED' }),
        (error) =>
          error instanceof GtpkgError &&
          error.code === 'ENTRY_MALFORMED' &&
          typeof error.data['line'] === 'number',
      );
    });
  }

  test('no paragraph and two where one is expected', () => {
    for (const input of ['', '\n\n', '# only\n', 'A: x\n\nB: y\n'])
      assert.throws(() => parseParagraph(input, where), malformed);
  });

  test('a value that would become a field, a comment or a paragraph is not written', () => {
    for (const bad of [
      'x\nThreshold: 0',
      'x\n',
      'x\n\n y',
      'x\n \n y',
      'x\n#y',
      'x\n\t\r\n y',
      ' x',
      'x ',
      'x\r',
      'x\n y\r',
    ]) {
      assert.throws(() => Paragraph.of([['Name', bad]]).toString(), malformed, JSON.stringify(bad));
    }
    for (const bad of ['', 'A B', 'A:', '-A', '#A', 'A\nB', 'Ä']) {
      assert.throws(() => Paragraph.of([[bad, 'x']]).toString(), malformed, JSON.stringify(bad));
    }
  });

  test('any text: paragraphs that are written as they were read, or a refusal', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('A: x', ' y', '', '#c', 'A:', '\t', 'B: \u00a0', 'x\r'),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        let read;
        try {
          read = parseParagraphs(lines.join('\n'), where);
        } catch (error) {
          assert.ok(malformed(error), String(error));
          return;
        }
        const again = parseParagraphs(read.map(String).join('\n'), where);
        assert.deepEqual(
          again.map((p) => [...p.entries()]),
          read.map((p) => [...p.entries()]),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('a hostile run of spaces takes no time', () => {
    const started = performance.now();
    parseParagraph(`A: x${' '.repeat(limits.MAX_FIELD - 10)}y\n`, where);
    parseParagraphs(`A: x\n${' '.repeat(limits.MAX_FIELD)}\n`, where);
    assert.ok(performance.now() - started < 1000);
  });
});
