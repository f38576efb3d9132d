/**
 * Sorted names in one buffer with offsets between them: binary search without parsing. Pure.
 */

/** The name with this number. */
export function nameAt(names: Buffer, offsets: Uint32Array, index: number): string {
  return names.toString('latin1', offsets[index], offsets[index + 1]);
}

/** The first number whose name is not before `name`. */
export function lowerBound(names: Buffer, offsets: Uint32Array, name: string): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (nameAt(names, offsets, middle) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The number of `name`, -1 when it is not there. */
export function find(names: Buffer, offsets: Uint32Array, name: string): number {
  const at = lowerBound(names, offsets, name);
  return at < offsets.length - 1 && nameAt(names, offsets, at) === name ? at : -1;
}
