/** Packs by hand, as nobody's git writes them. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';

/** An entry's head: type 1 to 4 as git numbers them, 6 and 7 for deltas, and the size that it states. */
export function entryHead(type: number, size: number): Buffer {
  const head = [(type << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    head[head.length - 1] = (head.at(-1) ?? 0) | 128;
    head.push(rest & 127);
  }
  return Buffer.from(head);
}

/** A pack of these entries, with its checksum right. */
export function rawPack(entries: readonly Buffer[], count = entries.length): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(count, 8);
  const body = Buffer.concat([head, ...entries]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** A pack of one object that states a size and holds whatever. */
export function onePack(type: number, size: number, deflated: Buffer): Buffer {
  return rawPack([Buffer.concat([entryHead(type, size), deflated])]);
}

/** A blob, and `length` deltas, each on the one before, that change nothing. */
export function deltaChain(length: number): Buffer {
  const text = Buffer.from('x'.repeat(16));
  const first = Buffer.concat([entryHead(3, text.length), deflateSync(text)]);
  const entries = [first];
  let previous = first.length;
  for (let i = 0; i < length; i++) {
    // source size, target size, insert 16 bytes: the text with a number in it, so that every object is another
    const body = Buffer.from(String(i).padStart(16, '0'));
    const delta = Buffer.concat([Buffer.from([16, 16, 16]), body]);
    // offset to the entry before, git's own base-128
    const back: number[] = [previous & 127];
    for (let rest = previous >> 7; rest > 0; rest >>= 7) back.unshift(128 | (--rest & 127));
    const entry = Buffer.concat([entryHead(6, delta.length), Buffer.from(back), deflateSync(delta)]);
    entries.push(entry);
    previous = entry.length;
  }
  return rawPack(entries);
}

/** A good pack with one more entry: a delta on whatever stands before it. */
export function withDelta(pack: Buffer): Buffer {
  const body = Buffer.from(pack.subarray(0, -20));
  body.writeUInt32BE(body.readUInt32BE(8) + 1, 8);
  const delta = Buffer.from([1, 1, 1, 0x78]);
  const entry = Buffer.concat([entryHead(6, delta.length), Buffer.from([20]), deflateSync(delta)]);
  const whole = Buffer.concat([body, entry]);
  return Buffer.concat([whole, createHash('sha1').update(whole).digest()]);
}
