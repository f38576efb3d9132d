/**
 * Index cores out of the store and into it without a network: what one machine proves, another takes as from a peer.
 */
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import type { TreeNode } from 'hypercore';
import { decodeCoreKey, GtpkgError, limits, systemCode, type CoreKey } from '../model/index.js';
import type { FileRange, LogTaken } from './contract.js';
import { openRegular, readAt } from './disk.js';
import { storeFailure } from './failure.js';
import { heightOf } from './flat-tree.js';
import { encodeLogProof, nodesFor, VerifiedLog } from './log-proof.js';

/** Nodes read from the disk at once. */
const READING = 4096;
/** Nodes of older parts in a proof: 6 MiB. */
const MAX_OLDER = 131_072;

/**
 * Block 0 and the blocks from `from` on, with their proof: log-proof.ts. Blocks must be held.
 * Nodes of older parts go along as far as they are held, so that a replica that ends there can be led on.
 * @throws GtpkgError BLOCKS_MISSING, LIMIT_EXCEEDED, CORE_MISMATCH
 */
export async function readLogProof(store: Corestore, key: CoreKey, from: number): Promise<Buffer> {
  const core = store.get({ key: decodeCoreKey(key), active: false });
  try {
    await core.ready();
    const { manifest } = core;
    const state = core.core.state;
    const signature = state?.signature ?? null;
    const length = state?.length ?? 0; // of the same moment
    if (manifest === null || signature === null || length === 0) throw absent(key, 0);
    const start = Math.max(1, from);
    const numbers = [0, ...Array.from({ length: Math.max(0, length - start) }, (_, i) => start + i)];
    const blocks: { index: number; value: Buffer }[] = [];
    let bytes = 0;
    for (const index of numbers) {
      const value = await core.get(index, { wait: false });
      if (value === null) throw absent(key, index);
      bytes += value.byteLength;
      if (bytes > limits.MAX_BUNDLE_LOG) break; // encodeLogProof says what is wrong
      blocks.push({ index, value });
    }
    const needed = nodesFor(length, numbers);
    const known = await readNodes(core, [...needed]);
    if (known.length !== needed.size) throw absent(key, 0);
    const older = rightChildren(length).filter((index) => !needed.has(index));
    const nodes = [...known, ...(await readNodes(core, older))];
    return encodeLogProof({ key, manifest, length, signature, nodes, blocks });
  } catch (cause) {
    throw storeFailure(cause);
  } finally {
    await core.close();
  }
}

// What a replica that ends anywhere before `length` may need to be led on.
function rightChildren(length: number): number[] {
  const nodes: number[] = [];
  for (let index = 0; index < 2 * length && nodes.length < MAX_OLDER; index++) {
    const width = 2 ** heightOf(index);
    const end = (index - width + 1) / 2 + width;
    if (end <= length && Math.floor(index / (2 * width)) % 2 === 1) nodes.push(index);
  }
  return nodes;
}

async function readNodes(core: Hypercore, indexes: readonly number[]): Promise<TreeNode[]> {
  const found: TreeNode[] = [];
  for (let start = 0; start < indexes.length; start += READING) {
    const reader = core.core.state?.storage.read();
    if (reader === undefined) break;
    const reads = indexes.slice(start, start + READING).map((index) => reader.getTreeNode(index));
    reader.tryFlush();
    for (const node of await Promise.all(reads)) if (node !== null) found.push(node);
  }
  return found;
}

/** A proof in a file, checked. @throws GtpkgError CORE_MISMATCH, FILE_NOT_FOUND, USAGE, IO_ERROR */
export async function readLogFile({ path, offset, length }: FileRange): Promise<VerifiedLog> {
  const file = await openRegular(path);
  try {
    return new VerifiedLog(await readAt(file, offset, Math.min(length, limits.MAX_BUNDLE_LOG + 1)));
  } catch (cause) {
    throw storeFailure(cause);
  } finally {
    await file.close();
  }
}

/**
 * Leads the replica in the store on to a verified log, and keeps its blocks. A replica that is longer, or that the proof does not
 * reach, stays as it is.
 * @throws GtpkgError store failures
 */
export async function applyLogProof(store: Corestore, log: VerifiedLog): Promise<LogTaken> {
  const core = store.get({ key: decodeCoreKey(log.key), manifest: log.manifest, active: false });
  const common = { fork: 0, hash: null, seek: null, manifest: null } as const;
  try {
    await core.ready();
    if (core.fork !== 0) return { length: core.length, taken: false };
    if (core.length < log.length) {
      const nodes = log.upgradeFrom(core.length);
      if (nodes === undefined) return { length: core.length, taken: false };
      const upgrade = {
        start: core.length,
        length: log.length - core.length,
        nodes,
        additionalNodes: [],
        signature: log.signature,
      };
      await core.applyProof({ ...common, block: null, upgrade });
    }
    if (core.length !== log.length) return { length: core.length, taken: false };
    for (const index of log.blocks) {
      if (await core.has(index)) continue;
      const block = { index, value: log.block(index), nodes: log.path(index) };
      await core.applyProof({ ...common, block, upgrade: null });
    }
    return { length: core.length, taken: true };
  } catch (cause) {
    // the replica here says something else: it is not led on, and peers will find out who lied
    if (/^INVALID_(CHECKSUM|SIGNATURE|PROOF|OPERATION)$/.test(systemCode(cause) ?? ''))
      return { length: core.length, taken: false };
    throw storeFailure(cause);
  } finally {
    await core.close();
  }
}

function absent(key: CoreKey, index: number): GtpkgError {
  return new GtpkgError('BLOCKS_MISSING', `block ${index} of index core ${key} is not here`, {
    hint: 'Run gtpkg update first.',
    data: { missing: [{ core: key, blocks: [[index, index + 1]] }] },
  });
}
