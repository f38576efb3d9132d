/** What status prints. */
import type { SwarmStatus } from '../workflows/seed.js';
import { count, facts, size, table } from './table.js';

export function renderStatus(status: SwarmStatus): string {
  const head = facts([
    ['Transport key', status.publicKey],
    [
      'Seeding',
      status.seeding
        ? `yes${status.address === null ? '' : `, at ${status.address}`}`
        : 'no (gtpkg seed starts it)',
    ],
    [
      'Holds',
      `${count(status.releases.filter((each) => each.held === each.size).length, 'whole release')}, ${size(status.releases.reduce((sum, each) => sum + each.held, 0))}`,
    ],
    ['Peers', String(status.peers.length)],
  ]);
  const peers =
    status.peers.length === 0
      ? ''
      : `\n\n${table(
          ['PEER', 'ADDRESS', 'RECEIVED', 'SENT'],
          status.peers.map((peer) => [peer.key, peer.address ?? '', size(peer.received), size(peer.sent)]),
        )}`;
  const releases =
    status.releases.length === 0
      ? ''
      : `\n\n${table(
          ['PACKAGE', 'VERSION', 'SOURCE', 'HELD', 'CORE'],
          status.releases.map((each) => [
            each.name,
            each.version,
            each.source,
            each.held === each.size ? size(each.size) : `${size(each.held)} of ${size(each.size)}`,
            each.core,
          ]),
        )}`;
  return head + peers + releases;
}
