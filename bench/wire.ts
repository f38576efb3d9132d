/** A TCP relay on loopback that counts what goes through: bytes on the wire, whoever talks, encrypted or not. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Wire {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** bytes that the clients sent, and got */
  up = 0;
  down = 0;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(from);
        from.setNoDelay(true);
        from.on('data', (chunk: Buffer) => {
          if (from === near) this.up += chunk.length;
          else this.down += chunk.length;
        });
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#open.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  /** Relays to a port of this machine. */
  static async open(target: number): Promise<Wire> {
    const wire = new Wire(target);
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes in both directions since the last call. */
  taken(): number {
    const sum = this.up + this.down;
    this.up = 0;
    this.down = 0;
    return sum;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
