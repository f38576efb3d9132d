/**
 * A piece of an index core as bytes that prove themselves: for a memory stick. docs/formats/bundle.md §3. Pure.
 *
 * Order of the check: the manifest gives the key; the nodes give the tree's hash, which is signed by the manifest's signers; every
 * block hashes up to a root of that tree. Only what has passed all of it is handed out. Content is not judged here: the index's
 * OpenPGP signatures are what is trusted.
 */
import type { Manifest, TreeNode } from 'hypercore';
import caps from 'hypercore/lib/caps.js';
import Verifier from 'hypercore/lib/verifier.js';
import crypto from 'hypercore-crypto';
import { decodeCoreKey, encodeCoreKey, GtpkgError, limits, type CoreKey } from '../model/index.js';
import { aboveOf, rootsOf, upgradeOf } from './flat-tree.js';

/** What a proof is made of. */
export interface LogParts {
  readonly key: CoreKey;
  readonly manifest: Manifest;
  readonly length: number;
  /** of the manifest's signers, over the tree of `length` blocks */
  readonly signature: Uint8Array;
  readonly nodes: readonly TreeNode[];
  readonly blocks: readonly { readonly index: number; readonly value: Uint8Array }[];
}

/** Blocks of an index core: one an hour for 490,000 years; and bytes of its blocks. Far below where numbers lose bits. */
const MAX_LENGTH = 2 ** 32;
const MAX_SIZE = 2 ** 48;
const NODE = 48;
const BLOCK = 12;
/** Manifests of one signer have 69 bytes; signatures of many signers grow. */
const MAX_MANIFEST = 4096;
const MAX_SIGNATURE = 16_384;

/** @throws GtpkgError LIMIT_EXCEEDED when it comes to more than MAX_BUNDLE_LOG */
export function encodeLogProof({ key, manifest, length, signature, nodes, blocks }: LogParts): Buffer {
  const form = Verifier.encodeManifest(manifest);
  const head = Buffer.concat([
    decodeCoreKey(key),
    u16(form.byteLength),
    form,
    u64(length),
    u16(signature.byteLength),
    signature,
  ]);
  const table = nodes.map(({ index, size, hash }) => Buffer.concat([u64(index), u64(size), hash]));
  const body = blocks.flatMap(({ index, value }) => [u64(index), u32(value.byteLength), value]);
  const bytes = Buffer.concat([head, u32(nodes.length), ...table, u32(blocks.length), ...body]);
  if (bytes.byteLength <= limits.MAX_BUNDLE_LOG) return bytes;
  throw new GtpkgError(
    'LIMIT_EXCEEDED',
    `the newest part of index core ${key} has ${bytes.byteLength} bytes, more than a bundle may hold`,
  );
}

/** A piece of an index core that was checked against the core's key. */
export class VerifiedLog {
  readonly key: CoreKey;
  readonly manifest: Manifest;
  readonly length: number;
  readonly signature: Uint8Array;
  readonly #nodes: ReadonlyMap<number, TreeNode>;
  readonly #blocks: ReadonlyMap<number, Uint8Array>;

  /** @throws GtpkgError CORE_MISMATCH for anything else than an untouched proof */
  constructor(bytes: Uint8Array) {
    const parts = decode(bytes);
    this.key = parts.key;
    this.manifest = parts.manifest;
    this.length = parts.length;
    this.signature = parts.signature;
    this.#nodes = new Map(parts.nodes.map((node) => [node.index, node]));
    checkSignature(parts, this.roots);
    const tops = new Set(rootsOf(this.length).map((root) => root.index));
    const blocks = new Map<number, Uint8Array>();
    for (const { index, value } of parts.blocks) {
      if (index >= this.length || blocks.has(index)) throw damaged('a block is outside of it, or repeated');
      let node: TreeNode = { index: 2 * index, size: value.byteLength, hash: crypto.data(value) };
      for (const sibling of this.path(index)) node = parentOf(node, sibling);
      const top = this.#nodes.get(node.index);
      if (!tops.has(node.index) || top === undefined || !sameNode(top, node))
        throw damaged(`block ${index} is not the one that was signed`);
      blocks.set(index, value);
    }
    this.#blocks = blocks;
  }

  get roots(): TreeNode[] {
    return rootsOf(this.length).map(({ index }) => this.#node(index));
  }

  /** Numbers of the blocks in it, rising. */
  get blocks(): number[] {
    return [...this.#blocks.keys()].sort((a, b) => a - b);
  }

  /** @throws GtpkgError BLOCKS_MISSING */
  block(index: number): Uint8Array {
    const block = this.#blocks.get(index);
    if (block !== undefined) return block;
    throw new GtpkgError('BLOCKS_MISSING', `block ${index} of index core ${this.key} is not in the bundle`, {
      hint: 'Export it again with this version of gtpkg.',
      data: { missing: [{ core: this.key, blocks: [[index, index + 1]] }] },
    });
  }

  /** The siblings from leaf `block` up to its root. @throws GtpkgError CORE_MISMATCH */
  path(block: number): TreeNode[] {
    const siblings: TreeNode[] = [];
    const top = rootsOf(this.length).find(({ end }) => block < end)?.index;
    for (let index = 2 * block; index !== top;) {
      const { parent, sibling } = aboveOf(index);
      siblings.push(this.#node(sibling));
      index = parent;
    }
    return siblings;
  }

  /** What leads a replica of `length` blocks on to this; undefined when it is not in the proof. */
  upgradeFrom(length: number): TreeNode[] | undefined {
    const nodes = upgradeOf(length, this.length).map((index) => this.#nodes.get(index));
    return nodes.every((node) => node !== undefined) ? nodes : undefined;
  }

  #node(index: number): TreeNode {
    const node = this.#nodes.get(index);
    if (node === undefined) throw damaged(`node ${index} is missing`);
    return node;
  }
}

/** The nodes that a proof of these blocks needs. */
export function nodesFor(length: number, blocks: readonly number[]): Set<number> {
  const roots = rootsOf(length);
  const needed = new Set(roots.map(({ index }) => index));
  for (const block of blocks) {
    const top = roots.find(({ end }) => block < end)?.index;
    for (let index = 2 * block; index !== top;) {
      const { parent, sibling } = aboveOf(index);
      needed.add(sibling);
      index = parent;
    }
  }
  return needed;
}

function checkSignature({ key, manifest, length, signature }: LogParts, roots: readonly TreeNode[]): void {
  const id = decodeCoreKey(key);
  const hash = crypto.tree(roots);
  const tree = {
    length,
    hash: () => hash,
    signable: (context: Uint8Array) => caps.treeSignable(context, hash, length, 0),
  };
  if (!tidy(() => new Verifier(id, manifest).verify(tree, signature)))
    throw damaged('its signature is not of that key');
}

function decode(bytes: Uint8Array): LogParts {
  if (bytes.byteLength > limits.MAX_BUNDLE_LOG) throw damaged('it is too large');
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length: number): Buffer => {
    if (length > view.length - at) throw damaged('it ends early');
    return view.subarray(at, (at += length));
  };
  const number = (limit: number): number => {
    const value = take(8).readBigUInt64LE();
    if (value > BigInt(limit)) throw damaged('a number in it is too large');
    return Number(value);
  };
  const some = (length: number, limit: number): Buffer => {
    if (length > limit) throw damaged('a part of it is too large');
    return take(length);
  };
  const key = take(32);
  const form = some(take(2).readUInt16LE(), MAX_MANIFEST);
  const manifest = tidy(() => Verifier.decodeManifest(form));
  if (manifest === undefined || !isLog(key, manifest)) throw damaged('its manifest is not of that key');
  const length = number(MAX_LENGTH);
  if (length === 0) throw damaged('it is empty');
  const signature = some(take(2).readUInt16LE(), MAX_SIGNATURE);
  const table = take(take(4).readUInt32LE() * NODE);
  const nodes: TreeNode[] = [];
  for (let start = 0; start < table.length; start += NODE) {
    const index = table.readBigUInt64LE(start);
    const size = table.readBigUInt64LE(start + 8);
    if (index > BigInt(2 * length) || size > BigInt(MAX_SIZE)) throw damaged('a node is absurd');
    nodes.push({
      index: Number(index),
      size: Number(size),
      hash: table.subarray(start + 16, start + NODE),
    });
  }
  const count = take(4).readUInt32LE();
  if (count * BLOCK > view.length - at) throw damaged('it ends early');
  const blocks: { index: number; value: Buffer }[] = [];
  for (let i = 0; i < count; i++)
    blocks.push({ index: number(length), value: some(take(4).readUInt32LE(), limits.MAX_INDEX_BLOCK) });
  if (at !== view.length) throw damaged('bytes follow it');
  return { key: encodeCoreKey(key), manifest, length, signature, nodes, blocks };
}

// The same that log-core.ts asks of a core, and nothing that this program never makes.
function isLog(key: Uint8Array, manifest: Manifest): boolean {
  const { version, quorum, signers, prologue } = manifest;
  const sound = version >= 1 && signers.length > 0 && quorum > 0 && quorum <= signers.length;
  return sound && prologue === null && tidy(() => Verifier.isValidManifest(key, manifest)) === true;
}

function parentOf(node: TreeNode, sibling: TreeNode): TreeNode {
  const { parent } = aboveOf(node.index);
  const [left, right] = node.index < sibling.index ? [node, sibling] : [sibling, node];
  return { index: parent, size: left.size + right.size, hash: crypto.parent(left, right) };
}

function sameNode(a: TreeNode, b: TreeNode): boolean {
  return a.size === b.size && Buffer.compare(a.hash, b.hash) === 0;
}

// The library throws what it likes at bytes that it does not expect.
function tidy<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function damaged(what: string): GtpkgError {
  return new GtpkgError('CORE_MISMATCH', `the index core in the bundle is not genuine: ${what}`, {
    hint: 'Copy the bundle again, or ask for another one.',
  });
}

function u16(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return out;
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
