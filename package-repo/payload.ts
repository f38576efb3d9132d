/**
 * The payload: the contents of a release's files, one after the other in manifest order, machine code rewritten by x86.ts. Names, sizes and the rest
 * stand in the manifest. Pure. docs/formats/release-core.md §2.
 */
import type { Manifest } from '../model/index.js';

/** zstd's window at level 19; level 20 sees 32 MiB. */
const WINDOW = 8 * 1024 * 1024;

/** Bytes of the whole payload before compression. */
export function payloadLength(manifest: Manifest): number {
  let sum = 0;
  for (const entry of manifest) if (entry.type === 'f') sum += entry.size;
  return sum;
}

/** The level that a payload of this length is compressed at when nobody says otherwise. */
export function defaultLevel(length: number): number {
  return length > WINDOW ? 20 : 19;
}
