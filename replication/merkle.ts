/**
 * The identity of a static core: hypercore's BLAKE2b Merkle tree over fixed-size blocks, and the key that follows
 * from it. docs/formats/swarm.md. Pure: bytes in, numbers out; memory is two nodes a block.
 * Nodes are numbered as flat-tree.ts says.
 */
import Hypercore, { type Manifest, type TreeNode } from 'hypercore';
import crypto from 'hypercore-crypto';
import { encodeCoreKey, limits, type CoreKey } from '../model/index.js';
import { aboveOf } from './flat-tree.js';

/** A static core as its content determines it. */
export interface StaticShape {
  readonly key: CoreKey;
  readonly manifest: Manifest;
  readonly byteLength: number;
  readonly blocks: number;
  readonly roots: readonly TreeNode[];
  /** The siblings from leaf `block` up to its root: what a proof of that block carries. */
  path(block: number): TreeNode[];
}

/** How many blocks `byteLength` bytes make. */
export function blockCount(byteLength: number): number {
  return Math.ceil(byteLength / limits.RELEASE_CHUNK);
}

/** How long block `index` of a core of `byteLength` bytes is. */
export function blockLength(byteLength: number, index: number): number {
  return Math.min(limits.RELEASE_CHUNK, byteLength - index * limits.RELEASE_CHUNK);
}

/** The manifest that says: this content and nothing else, nobody may sign more. */
export function staticManifest(hash: Uint8Array, length: number): Manifest {
  return { version: 1, quorum: 0, signers: [], prologue: { hash, length } };
}

/** Takes blocks in order, each RELEASE_CHUNK long but the last. */
export class TreeBuilder {
  readonly #nodes = new Map<number, TreeNode>();
  readonly #stack: { node: TreeNode; height: number }[] = [];
  #blocks = 0;
  #bytes = 0;

  push(block: Uint8Array): void {
    this.pushLeaf(crypto.data(block), block.byteLength);
  }

  /** A block of which only the hash and the size are known. */
  pushLeaf(hash: Uint8Array, size: number): void {
    let node: TreeNode = { index: 2 * this.#blocks, size, hash };
    let height = 0;
    this.#nodes.set(node.index, node);
    for (
      let left = this.#stack.at(-1);
      left !== undefined && left.height === height;
      left = this.#stack.at(-1)
    ) {
      this.#stack.pop();
      const index = (left.node.index + node.index) / 2;
      node = { index, size: left.node.size + node.size, hash: crypto.parent(left.node, node) };
      this.#nodes.set(index, node);
      height++;
    }
    this.#stack.push({ node, height });
    this.#blocks++;
    this.#bytes += size;
  }

  finish(): StaticShape {
    const roots = this.#stack.map((entry) => entry.node);
    const manifest = staticManifest(crypto.tree(roots), this.#blocks);
    const tops = new Set(roots.map((root) => root.index));
    const nodes = this.#nodes;
    return {
      key: encodeCoreKey(Hypercore.key(manifest)),
      manifest,
      byteLength: this.#bytes,
      blocks: this.#blocks,
      roots,
      path(block) {
        const siblings: TreeNode[] = [];
        for (let index = 2 * block, height = 0; !tops.has(index); height++) {
          const above = aboveOf(index, height);
          const sibling = nodes.get(above.sibling);
          if (sibling === undefined) throw new RangeError(`block ${block} is outside the tree`);
          siblings.push(sibling);
          index = above.parent;
        }
        return siblings;
      },
    };
  }
}
