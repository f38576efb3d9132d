/** What the threads of verify share: a list of packages, and how far it has been taken. */
import type { PlainError } from '../model/thread-error.js';
import type { Checked, Difference } from './check.js';

/** What a thread is given. */
export interface Share {
  readonly dir: string;
  /** every installed package */
  readonly all: readonly Checked[];
  /** those to be checked: the largest first, so that no thread ends long after the others */
  readonly wanted: readonly Checked[];
  /** one number in shared memory: how many of `wanted` are taken */
  readonly counters: Int32Array;
}

/** What it says of each package; -1: of none. */
export type Answer =
  | { readonly at: number; readonly differences: readonly Difference[] }
  | { readonly at: number; readonly error: PlainError };

/** The place in `wanted` of the next package that nobody has taken. */
export function takeNext(counters: Int32Array): number {
  return Atomics.add(counters, 0, 1);
}
