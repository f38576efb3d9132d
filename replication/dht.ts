/**
 * `gtpkg dht`: a DHT for a network of one's own, so that nothing outside is needed.
 *
 * Runs DHT_NODES nodes in one process, the first at the given address, the others beside it at free ports: records are
 * kept by several, and a lookup does not depend on one answer.
 */
import type HyperDHT from 'hyperdht';
import { GtpkgError, limits, type Address } from '../model/index.js';
import { bindable, bindFailure, reachableHost } from './address.js';
import { dispose } from './dispose.js';

export interface BootstrapOptions {
  /** an IPv4 address of this machine; loopback when absent: open to this machine only */
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
  const { host, port } = await bindable({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  const address = { host: reachableHost(host), port };
  const nodes: HyperDHT[] = [];
  const close = async (): Promise<void> => {
    for (const node of nodes.splice(0).reverse()) await dispose(node);
  };
  try {
    // nobody can tell the first node its own address, so it is told here
    nodes.push(DHT.bootstrapper(port, address.host, { host }));
    while (nodes.length < limits.DHT_NODES) {
      nodes.push(new DHT({ bootstrap: [address], host, port: [0, 0], ephemeral: false, firewalled: false }));
    }
    await inTime(Promise.all(nodes.map((node) => node.bind())), address);
    await inTime(Promise.all(nodes.map((node) => node.fullyBootstrapped())), address);
    return { address, close };
  } catch (cause) {
    await close();
    throw cause instanceof GtpkgError ? cause : bindFailure(address, cause);
  }
}

async function inTime(ready: Promise<unknown>, address: Address): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `the DHT node at ${address.host}:${address.port} did not start in time`;
    timer = setTimeout(() => reject(new GtpkgError('TIMEOUT', message)), limits.TIMEOUT.connect);
  });
  await Promise.race([ready, late]).finally(() => clearTimeout(timer));
}
