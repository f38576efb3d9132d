/** Memory that the C library keeps for itself. */
import { openLibC } from './libc.js';

type Trim = (pad: number) => number;
let trim: Trim | 'none' | undefined;

/**
 * Gives memory that was freed back to the system, malloc_trim(3): glibc keeps what lies between pieces in use, in each thread's arena. A millisecond or so.
 * Nothing happens where there is no such call.
 */
export function trimMemory(): void {
  trim ??= load();
  if (trim !== 'none') trim(0);
}

function load(): Trim | 'none' {
  try {
    return (openLibC()?.library.func('int malloc_trim(size_t)') as Trim | undefined) ?? 'none';
  } catch {
    // another C library than glibc
    return 'none';
  }
}
