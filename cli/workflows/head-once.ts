/** The head of a core, read once for all that is looked at in it: header, signatures and trees of a release are asked for one by one. */
import { limits, type ByteSource } from '../../model/index.js';

/** A source that remembers its first chunk. */
export interface HeadOnce extends ByteSource {
  /** Lets go of it; whatever is read later comes from where the rest does. */
  forget(): void;
}

/** What lies in the first chunk is read with it; what goes beyond is passed on. */
export function headOnce(source: ByteSource): HeadOnce {
  const length = Math.min(source.byteLength, limits.RELEASE_CHUNK);
  let head: Promise<Buffer> | undefined;
  let remembers = true;
  return {
    byteLength: source.byteLength,
    async *read(offset, count) {
      const isInHead = offset >= 0 && count >= 0 && offset + count <= length;
      if (!remembers || !isInHead) yield* source.read(offset, count);
      else {
        head ??= collect(source.read(0, length));
        yield (await head).subarray(offset, offset + count);
      }
    },
    forget() {
      remembers = false;
      head = undefined;
    },
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const [first] = parts;
  // it mostly is one block of the store: a copy would be made of half a megabyte for each release
  return first !== undefined && parts.length === 1
    ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
    : Buffer.concat(parts);
}
