/**
 * The networks that this machine is on: its IPv4 interfaces, and whether an address is one hop away.
 */
import { networkInterfaces } from 'node:os';
import { limits } from '../model/index.js';

/** One IPv4 address of this machine. */
export interface Network {
  readonly address: string;
  readonly netmask: string;
}

/** Of the loopback interface, or of all the others, at most MAX_LAN_NETWORKS. */
export function networks(loopback: boolean): Network[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && internal === loopback)
    .map(({ address, netmask }) => ({ address, netmask }))
    .slice(0, limits.MAX_LAN_NETWORKS);
}

/** The one of these networks that `address` is in. */
export function networkOf(address: string, among: readonly Network[]): Network | undefined {
  const number = bits(address);
  if (number === undefined) return undefined;
  return among.find((network) => {
    const mask = bits(network.netmask) ?? 0;
    return mask !== 0 && ((number ^ (bits(network.address) ?? 0)) & mask) === 0;
  });
}

function bits(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return undefined;
  return parts.reduce((sum, part) => (sum << 8) | part, 0);
}
