/**
 * The C library, through koffi (ADR 0020): loaded by the first call of what Node has not. Linux only; where koffi, an optional dependency, is not installed there is
 * none, and whoever asks does without.
 */
import { createRequire } from 'node:module';

type Koffi = typeof import('koffi');

/** What a file of this room takes functions from. */
export interface LibC {
  readonly koffi: Koffi;
  readonly library: ReturnType<Koffi['load']>;
}

let libc: LibC | 'none' | undefined;

/** Undefined where it cannot be called. */
export function openLibC(): LibC | undefined {
  libc ??= load();
  return libc === 'none' ? undefined : libc;
}

function load(): LibC | 'none' {
  if (process.platform !== 'linux') return 'none';
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { koffi, library: koffi.load(null) };
  } catch {
    return 'none';
  }
}
