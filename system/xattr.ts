/**
 * Extended attributes of files: the calls of xattr(7), which Node has not. Linux only; loaded by the first call.
 *
 * Where the C library cannot be called (libc.ts) every call fails with ENOTSUP, as on a file system without
 * attributes. Links are never followed. Errors look like Node's own, with `code` and `syscall`.
 * Below, attributes as a transaction and its journal have them.
 */
import { getSystemErrorName } from 'node:util';
import { systemCode } from '../model/errors.js';
import { openLibC } from './libc.js';

interface Calls {
  fsetxattr(fd: number, name: Buffer, value: Uint8Array, size: number, flags: number): number;
  lsetxattr(path: Buffer, name: Buffer, value: Uint8Array, size: number, flags: number): number;
  lgetxattr(path: Buffer, name: Buffer, value: Uint8Array, size: number): number;
  llistxattr(path: Buffer, list: Uint8Array, size: number): number;
  lremovexattr(path: Buffer, name: Buffer): number;
  errno(): number;
}

/** Linux's XATTR_SIZE_MAX and XATTR_LIST_MAX: nothing is longer. */
const MOST = 64 * 1024;

let calls: Calls | 'none' | undefined;
let memory: Buffer | undefined;

// koffi knows no ssize_t; long is the same on every Linux.
function load(): Calls | 'none' {
  const libc = openLibC();
  if (libc === undefined) return 'none';
  const { koffi, library: c } = libc;
  return {
    fsetxattr: c.func('int fsetxattr(int, const uint8_t *, const uint8_t *, size_t, int)'),
    lsetxattr: c.func('int lsetxattr(const uint8_t *, const uint8_t *, const uint8_t *, size_t, int)'),
    lgetxattr: c.func('long lgetxattr(const uint8_t *, const uint8_t *, uint8_t *, size_t)'),
    llistxattr: c.func('long llistxattr(const uint8_t *, uint8_t *, size_t)'),
    lremovexattr: c.func('int lremovexattr(const uint8_t *, const uint8_t *)'),
    errno: () => koffi.errno(),
  } as Calls;
}

/** Whether this process can make the calls. A file system may still have no attributes. */
export function canCall(): boolean {
  calls ??= load();
  return calls !== 'none';
}

const text = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.of(0)]);
const nameOf = (name: string): Buffer => Buffer.from(`${name}\0`, 'latin1');

// A failure is thrown, unless it is the one that is expected: then the result is negative.
function call(syscall: string, work: (calls: Calls) => number, expected?: string): number {
  calls ??= load();
  const result = calls === 'none' ? -1 : work(calls);
  if (result >= 0) return result;
  const code = calls === 'none' ? 'ENOTSUP' : getSystemErrorName(-calls.errno());
  if (code === expected) return result;
  throw Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}

/** Sets an attribute of an open file. @param name - one byte a character @throws the system's errors */
export function setOpen(fd: number, name: string, value: Uint8Array): void {
  call('fsetxattr', (c) => c.fsetxattr(fd, nameOf(name), value, value.length, 0));
}

/** Sets an attribute. @param path - bytes, without a NUL @throws the system's errors */
export function set(path: Uint8Array, name: string, value: Uint8Array): void {
  call('lsetxattr', (c) => c.lsetxattr(text(path), nameOf(name), value, value.length, 0));
}

/** An attribute's bytes; undefined when there is none. @throws the system's errors */
export function get(path: Uint8Array, name: string): Buffer | undefined {
  const into = (memory ??= Buffer.allocUnsafeSlow(MOST));
  const length = call('lgetxattr', (c) => c.lgetxattr(text(path), nameOf(name), into, MOST), 'ENODATA');
  return length < 0 ? undefined : Buffer.from(into.subarray(0, length));
}

/** Names of all attributes that this user may see, one byte a character, sorted. @throws the system's errors */
export function list(path: Uint8Array): readonly string[] {
  const into = (memory ??= Buffer.allocUnsafeSlow(MOST));
  const length = call('llistxattr', (c) => c.llistxattr(text(path), into, MOST));
  const names = into.toString('latin1', 0, length).split('\0');
  return names.slice(0, -1).sort();
}

/** Removes an attribute; that there is none is no error. @throws the system's errors */
export function remove(path: Uint8Array, name: string): void {
  call('lremovexattr', (c) => c.lremovexattr(text(path), nameOf(name)), 'ENODATA');
}

/** What an attribute is, or is to be: plain data. A release's `Xattr` is one. */
export interface XattrState {
  readonly name: string;
  /** in hexadecimal digits; null: there is none */
  readonly value: string | null;
}

/** Brings them about. @param at - an open file, or a path @throws the system's errors */
export function putXattrs(at: number | Buffer, xattrs: readonly XattrState[] = []): void {
  for (const { name, value } of xattrs) {
    const bytes = Buffer.from(value ?? '', 'hex');
    if (typeof at === 'number') setOpen(at, name, bytes);
    else if (value === null) remove(at, name);
    else set(at, name, bytes);
  }
}

/** What they are; undefined where the file system, or this system, has none. @throws the system's errors */
export function readXattrs(path: Buffer, names: readonly string[]): readonly XattrState[] | undefined {
  try {
    return names.map((name) => ({ name, value: get(path, name)?.toString('hex') ?? null }));
  } catch (error) {
    if (systemCode(error) === 'ENOTSUP') return undefined;
    throw error;
  }
}
