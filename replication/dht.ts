/**
 * `gtpkg dht`: a DHT for a network of one's own, so that nothing outside is needed.
 *
 * A record is announced to nodes other than the one that announces, and lookups want several answers: so this
 * runs a handful of nodes in one process, the first at the given address, the others beside it at free ports.
 */
import type HyperDHT from 'hyperdht';
import { GtpkgError, limits, type Address } from '../model/index.js';
import { bindFailure, isLoopback } from './swarm.js';

export interface BootstrapOptions {
  /** an IPv4 address of this machine; loopback when absent: open to the machine only */
  readonly host?: string;
  /** 0 or absent: any free port */
  readonly port?: number;
}

/** A running DHT. */
export interface Bootstrap {
  /** what others give as `--bootstrap` */
  readonly address: Address;
  close(): Promise<void>;
}

/** @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS, TIMEOUT */
export async function startBootstrap(options: BootstrapOptions = {}): Promise<Bootstrap> {
  const { default: DHT } = await import('hyperdht');
  const host = options.host === undefined || options.host === 'localhost' ? '127.0.0.1' : options.host;
  const port = options.port ?? 0;
  const nodes: HyperDHT[] = [];
  const close = async (): Promise<void> => {
    for (const node of nodes.reverse()) await node.destroy({ force: true }).catch(() => undefined);
  };
  try {
    const first = new DHT({
      bootstrap: [],
      host,
      port: port === 0 ? [0, 0] : [port, port + 1],
      anyPort: false,
      ephemeral: false,
      firewalled: false,
    });
    try {
      await first.bind();
    } catch (cause) {
      throw bindFailure({ host, port }, cause);
    }
    nodes.push(first);
    await inTime(first.fullyBootstrapped());
    const bound = first.address();
    if (bound === null) throw new GtpkgError('INTERNAL', 'the DHT node has no address');
    const inside = host === '0.0.0.0' ? '127.0.0.1' : host;
    while (nodes.length < limits.DHT_NODES) {
      const node = new DHT({
        bootstrap: [{ host: inside, port: bound.port }],
        host: isLoopback(host) ? '127.0.0.1' : host,
        port: [0, 0],
        ephemeral: false,
        firewalled: false,
      });
      nodes.push(node);
      await inTime(node.fullyBootstrapped());
    }
    return {
      address: { host: host === '0.0.0.0' ? (first.localAddress()?.host ?? inside) : host, port: bound.port },
      close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function inTime(ready: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new GtpkgError('TIMEOUT', 'a DHT node did not start in time')),
      limits.TIMEOUT.connect,
    );
  });
  await Promise.race([ready, late]).finally(() => clearTimeout(timer));
}
