import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { convertHere, filterX86, isX86, X86Filter } from '../../package-repo/x86.js';
import { lacks } from './support.js';

/** ELF for x86-64 (machine 62) or another machine. */
function elf(body: Uint8Array, machine = 62): Buffer {
  const head = Buffer.alloc(64);
  head.writeUInt32BE(0x7f454c46);
  head[4] = 2;
  head[5] = 1;
  head.writeUInt16LE(machine, 18);
  return Buffer.concat([head, body]);
}

// What the filter looks for, much more often than chance would have it.
const code = fc
  .array(
    fc.oneof(
      fc.constantFrom(0xe8, 0xe9, 0x48, 0x4c, 0x8d, 0x05, 0x3d, 0x00, 0xff),
      fc.integer({ min: 0, max: 255 }),
    ),
    { maxLength: 400 },
  )
  .map((bytes) => Buffer.from(bytes));

function inPieces(bytes: Buffer, direction: 'encode' | 'decode', sizes: readonly number[]): Buffer {
  const filter = new X86Filter(direction);
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + (sizes[i % sizes.length] ?? 1));
    at += piece.length;
    out.push(Buffer.from(filter.update(Buffer.from(piece))));
  }
  out.push(filter.end());
  return Buffer.concat(out);
}

test('there and back gives the same bytes, in whatever pieces', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 130 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(code, fc.constantFrom(62, 3, 183), sizes, sizes, (body, machine, one, two) => {
      const original = elf(body, machine);
      const whole = Buffer.from(original);
      filterX86(whole, 'encode');
      assert.deepEqual(inPieces(original, 'encode', one), whole);
      assert.deepEqual(inPieces(whole, 'decode', two), original);
      filterX86(whole, 'decode');
      assert.deepEqual(whole, original);
    }),
    { numRuns: 2000 },
  );
});

test('there and back, a great deal of what is hard to tell apart', () => {
  const bytes = elf(Buffer.alloc(4 << 20));
  const some = [0xe8, 0xe9, 0x48, 0x4c, 0x05, 0x0d, 0x00, 0xff, 0xe8, 0xfe, 0x01];
  for (let at = 64, seed = 1; at < bytes.length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = some[(seed >>> 16) % 24] ?? seed >>> 20;
  }
  const copy = Buffer.from(bytes);
  filterX86(copy, 'encode');
  assert.ok(!copy.equals(bytes));
  filterX86(copy, 'decode');
  assert.ok(copy.equals(bytes));
});

test('whatever a stranger sends, the way back keeps the length and does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 90 }), (bytes, size) => {
      assert.equal(inPieces(Buffer.from(bytes), 'decode', [size]).length, bytes.length);
    }),
  );
});

test('calls and places relative to the next instruction become absolute: docs/formats/release-core.md §2', () => {
  const body = Buffer.from('e8100000009090488d05f0ffffff90', 'hex');
  const bytes = elf(body);
  filterX86(bytes, 'encode');
  // 64 + 5 + 0x10 = 0x55; 64 + 14 - 0x10 = 0x3e
  assert.equal(bytes.subarray(64).toString('hex'), 'e8550000009090488d053e00000090');
});

test('what is far away, not ELF, of another machine or short stays as it is', () => {
  const far = elf(Buffer.from('e8000000019090909090', 'hex'));
  const arm = elf(Buffer.from('e8000000009090909090', 'hex'), 183);
  const text = Buffer.from(`#!/bin/sh\n${'\xe8\0\0\0\0'.repeat(20)}`, 'latin1');
  const short = elf(Buffer.alloc(0)).subarray(0, 63);
  for (const bytes of [far, arm, text, short, Buffer.alloc(0)]) {
    const copy = Buffer.from(bytes);
    filterX86(copy, 'encode');
    assert.deepEqual(copy, bytes);
  }
});

const SHELL = '/bin/bash';
const noProgram = process.arch === 'x64' && existsSync(SHELL) ? lacks('zstd') : 'no x86-64 program here';

test('a real program compresses better, and comes back', { skip: noProgram }, () => {
  const program = readFileSync(SHELL);
  const filtered = Buffer.from(program);
  filterX86(filtered, 'encode');
  const size = (input: Buffer): number =>
    execFileSync('zstd', ['-3', '-c'], { input, maxBuffer: 1 << 28 }).length;
  assert.ok(size(filtered) < 0.97 * size(program));
  filterX86(filtered, 'decode');
  assert.ok(filtered.equals(program));
});

// The way before there was WebAssembly, which is still there for short pieces.
function inJavaScript(bytes: Buffer, direction: 'encode' | 'decode'): Buffer {
  const out = Buffer.from(bytes);
  if (out.length >= 64 && isX86(out))
    convertHere(out, {
      from: 64,
      stop: out.length - 4,
      position: 0,
      sign: direction === 'encode' ? 1 : -1,
    });
  return out;
}

test('WebAssembly and JavaScript give the same bytes', () => {
  const large = fc
    .tuple(fc.array(code, { minLength: 2, maxLength: 8 }), fc.uint8Array({ maxLength: 700 }))
    .map(([parts, noise]) => elf(Buffer.concat(Array.from({ length: 30 }, () => [...parts, noise]).flat())));
  let machines = 0;
  fc.assert(
    fc.property(large, fc.constantFrom('encode' as const, 'decode' as const), (original, direction) => {
      if (original.length >= 512) machines++;
      const whole = Buffer.from(original);
      filterX86(whole, direction);
      assert.deepEqual(whole, inJavaScript(original, direction));
    }),
    { numRuns: 3000 },
  );
  assert.ok(machines > 1000, `${machines} were long enough`);
});

test('WebAssembly and JavaScript give the same bytes of real programs, there and back, in pieces', (t) => {
  const paths = [process.execPath, '/bin/bash', '/usr/bin/perl'].filter((path) => existsSync(path));
  for (const path of paths) {
    const original = readFileSync(path).subarray(0, 3 << 20);
    if (!isX86(original)) return t.skip(`${path} is not of x86`);
    const encoded = inJavaScript(original, 'encode');
    assert.notDeepEqual(encoded, original);
    const whole = Buffer.from(original);
    filterX86(whole, 'encode');
    assert.ok(whole.equals(encoded));
    for (const size of [700, 4096, 131_072, 1_000_003]) {
      assert.ok(inPieces(original, 'encode', [size]).equals(encoded), `${path} in pieces of ${size}`);
      assert.ok(inPieces(encoded, 'decode', [size]).equals(original), `${path} in pieces of ${size}`);
    }
  }
});

test('x86-wasm.ts is what scripts/wasm.mjs makes of x86.wat', () => {
  const top = fileURLToPath(new URL('../../../', import.meta.url));
  const made = execFileSync(process.execPath, [join(top, 'scripts', 'wasm.mjs')], { encoding: 'utf8' });
  assert.equal(
    made.replace(/\s+/g, ''),
    readFileSync(join(top, 'package-repo', 'x86-wasm.ts'), 'utf8').replace(/\s+/g, ''),
  );
});
