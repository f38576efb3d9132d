/**
 * Writes a bundle, front to back: docs/formats/bundle.md. Memory is bounded by the list, one index core's newest part, and a few blocks.
 */
import crypto from 'hypercore-crypto';
import { GtpkgError, type CoreRef } from '../model/index.js';
import {
  coreLength,
  encodeCoreHead,
  encodeHead,
  encodeList,
  HEAD,
  MAGIC,
  type BundleList,
} from './bundle-format.js';
import type { Depot } from './contract.js';
import { blockLength } from './merkle.js';
import { LEAF } from './static-part.js';

/** What goes into a bundle. */
export interface BundleContents {
  readonly list: BundleList;
  /** as Depot.readLogProof gives them */
  readonly logs: readonly Uint8Array[];
  /** each once, those of indexes first; all held */
  readonly cores: readonly CoreRef[];
}

/** How it is written. */
export interface BundleSink {
  write(bytes: Uint8Array): Promise<void>;
  readonly onProgress?: (bytes: number) => void;
}

/** Bytes that a bundle will have. */
export function bundleSize({ list, logs, cores }: BundleContents): number {
  const bodies = [encodeList(list).byteLength, ...logs.map((log) => log.byteLength)];
  const small = bodies.reduce((sum, length) => sum + HEAD + length, 0);
  return cores.reduce((sum, ref) => sum + HEAD + coreLength(ref.byteLength), MAGIC.length + small + HEAD);
}

/** @throws GtpkgError BLOCKS_MISSING, CORE_MISMATCH (the store is damaged), LIMIT_EXCEEDED, and what the sink throws */
export async function writeBundle(depot: Depot, contents: BundleContents, sink: BundleSink): Promise<void> {
  let done = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    await sink.write(bytes);
    done += bytes.byteLength;
    sink.onProgress?.(done);
  };
  const list = encodeList(contents.list);
  await write(Buffer.concat([MAGIC, encodeHead('list', list.length), list]));
  for (const log of contents.logs) await write(Buffer.concat([encodeHead('log ', log.byteLength), log]));
  for (const ref of contents.cores) {
    const leaves = await depot.leaves(ref);
    await write(Buffer.concat([encodeHead('core', coreLength(ref.byteLength)), encodeCoreHead(ref), leaves]));
    let index = 0;
    for await (const block of blocksOf(depot, ref)) {
      if (!crypto.data(block).equals(leaves.subarray(index * LEAF, (index + 1) * LEAF))) throw rotten(ref);
      await write(block);
      index++;
    }
  }
  await write(encodeHead('end ', 0));
}

// A depot reads in pieces of its own choice.
async function* blocksOf(depot: Depot, ref: CoreRef): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let have = 0;
  let index = 0;
  for await (let chunk of depot.source(ref).read(0, ref.byteLength)) {
    while (chunk.byteLength > 0) {
      const rest = blockLength(ref.byteLength, index) - have;
      const part = chunk.subarray(0, rest);
      chunk = chunk.subarray(part.byteLength);
      parts.push(part);
      have += part.byteLength;
      if (part.byteLength < rest) continue;
      const [only] = parts;
      yield parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
      parts = [];
      have = 0;
      index++;
    }
  }
}

function rotten(ref: CoreRef): GtpkgError {
  return new GtpkgError('CORE_MISMATCH', `what the store holds of core ${ref.key} is damaged`, {
    hint: 'Check the disk. A damaged store can be removed; releases are fetched again.',
    data: { core: ref.key },
  });
}
