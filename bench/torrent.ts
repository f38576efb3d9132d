/**
 * What aria2c needs to share a file with itself: a .torrent, and a tracker on loopback that tells peers of each other and hears how much each
 * has sent.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The same as a block of ours. */
const PIECE = 512 * 1024;

type Bencoded = number | string | Buffer | readonly Bencoded[] | { readonly [key: string]: Bencoded };

function bencode(value: Bencoded): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('l'), ...value.map(bencode), Buffer.from('e')]);
  const entries = Object.entries(value as Record<string, Bencoded>).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat([
    Buffer.from('d'),
    ...entries.flatMap(([key, each]) => [bencode(key), bencode(each)]),
    Buffer.from('e'),
  ]);
}

/** A .torrent of one file. */
export async function torrentOf(path: string, name: string, announce: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const hashes: Buffer[] = [];
    let length = 0;
    for (const piece = Buffer.alloc(PIECE); ;) {
      const { bytesRead } = await file.read(piece, 0, PIECE, length);
      if (bytesRead === 0) break;
      hashes.push(createHash('sha1').update(piece.subarray(0, bytesRead)).digest());
      length += bytesRead;
    }
    return bencode({
      announce,
      info: { length, name, 'piece length': PIECE, pieces: Buffer.concat(hashes) },
    });
  } finally {
    await file.close();
  }
}

/** A BitTorrent tracker (BEP 3, compact answers as in BEP 23) for one torrent on loopback. */
export class Tracker {
  readonly #server: Server;
  readonly #ports = new Set<number>();
  /** bytes sent, by port, as each peer said last */
  readonly uploaded = new Map<number, number>();

  constructor() {
    this.#server = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://tracker');
      const port = Number(searchParams.get('port'));
      this.uploaded.set(port, Number(searchParams.get('uploaded')));
      if (searchParams.get('event') === 'stopped') this.#ports.delete(port);
      else this.#ports.add(port);
      const others = [...this.#ports].filter((other) => other !== port);
      const peers = Buffer.concat(
        others.map((other) => Buffer.from([127, 0, 0, 1, other >> 8, other & 255])),
      );
      response.end(bencode({ interval: 2, 'min interval': 1, peers }));
    });
  }

  /** The URL to announce to. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/announce`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
