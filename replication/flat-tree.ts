/**
 * Numbers of the nodes of hypercore's Merkle trees. Leaf i is 2i, the node at height h and place p is p·2^(h+1) + 2^h − 1. Pure.
 */

/** How far above the leaves a node is. */
export function heightOf(index: number): number {
  let height = 0;
  for (let rest = index; rest % 2 === 1; rest = (rest - 1) / 2) height++;
  return height;
}

/** The node above, and the other one below that. */
export function aboveOf(
  index: number,
  height = heightOf(index),
): { readonly parent: number; readonly sibling: number } {
  const width = 2 ** height;
  const parent = Math.floor(index / (4 * width)) * 4 * width + 2 * width - 1;
  return { parent, sibling: index < parent ? index + 2 * width : index - 2 * width };
}

/** A complete subtree: its root, and the leaves [first, end) below it, as blocks. */
export interface Root {
  readonly index: number;
  readonly first: number;
  readonly end: number;
}

/** The roots of a tree of `length` leaves, left to right. */
export function rootsOf(length: number): Root[] {
  const roots: Root[] = [];
  for (let first = 0; first < length;) {
    const width = 2 ** Math.floor(Math.log2(length - first));
    roots.push({ index: 2 * first + width - 1, first, end: first + width });
    first += width;
  }
  return roots;
}

/** The nodes that turn a tree of `from` leaves into one of `to`, in hypercore's order. */
export function upgradeOf(from: number, to: number): number[] {
  const nodes: number[] = [];
  for (const root of rootsOf(to)) {
    if (root.end <= from) continue;
    if (root.first >= from) {
      nodes.push(root.index);
      continue;
    }
    const last = 2 * (from - 1);
    for (let index = last; index !== root.index;) {
      const { parent, sibling } = aboveOf(index);
      if (sibling > last) nodes.push(sibling);
      index = parent;
    }
  }
  return nodes;
}
