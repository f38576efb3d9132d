/** What status prints. */
import type { HeldRelease, PeerLine, SwarmStatus } from '../workflows/status.js';
import { count, facts, size, table, terminalWidth } from './table.js';
import { cut } from './width.js';

/** Rows of a table; `--json` has them all. */
const ROWS = { peers: 20, releases: 40 } as const;
/** Packages with one seeder that are named. */
const NAMED = 6;

/** The whole status, as long as it takes. */
export function renderStatus(
  status: SwarmStatus,
  rows: { readonly peers: number; readonly releases: number } = ROWS,
  columns = terminalWidth(),
): string {
  return [
    head(status),
    peerTable(status.peers, rows.peers, columns),
    releaseTable(status, rows.releases, columns),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The same for a screen: no line wider, no more lines. */
export function fitStatus(
  status: SwarmStatus,
  screen: { readonly rows: number; readonly columns: number },
): string[] {
  const above = head(status).split('\n').length;
  const room = Math.max(2, screen.rows - above - 5);
  const peers = Math.min(Math.max(1, status.peers.length), Math.ceil(room / 2));
  const lines = renderStatus(status, { peers, releases: Math.max(1, room - peers) }, screen.columns).split(
    '\n',
  );
  return lines.slice(0, screen.rows).map((line) => cut(line, screen.columns));
}

function head(status: SwarmStatus): string {
  const { releases, limit, packages, usage } = status;
  const whole = releases.filter((each) => each.held === each.size).length;
  const connected = status.peers.filter((peer) => peer.connected).length;
  const rates = `in ${size(status.rateIn)}/s, out ${size(status.rateOut)}/s`;
  return facts([
    ['Transport key', status.publicKey],
    ['Seeding', seedingText(status)],
    ['Network', status.seeding ? networkText(status) : undefined],
    [
      'Holds',
      [
        count(whole, 'whole release') +
          (whole < releases.length ? ` and ${releases.length - whole} in part` : ''),
        limit === null ? size(status.held) : `${size(status.held)} of ${size(limit)}`,
        `${size(status.disk)} on disk`,
      ].join(', '),
    ],
    [
      'Standing still',
      status.undecided.length === 0
        ? undefined
        : `${status.undecided.join(', ')}: two histories, gtpkg source accept NAME decides`,
    ],
    [
      'Packages',
      packages === null
        ? undefined
        : `${packages.one} with one known seeder${named(status)}, ${packages.more} with more, ${packages.nobody} with none`,
    ],
    [
      'Traffic',
      status.seeding ? `${rates}; received ${size(status.received)}, sent ${size(status.sent)}` : undefined,
    ],
    [
      'Over all time',
      usage.deltas + usage.received + usage.sent === 0
        ? undefined
        : `received ${size(usage.received)}, sent ${size(usage.sent)}, ${size(usage.deltas)} saved by deltas`,
    ],
    [
      'Peers',
      connected === status.peers.length ? String(connected) : `${connected} of ${status.peers.length} known`,
    ],
  ]);
}

function seedingText({ seeding, uptime, address }: SwarmStatus): string {
  if (!seeding) return 'no (gtpkg seed starts it)';
  const since = uptime === null ? '' : `, for ${duration(uptime)}`;
  return `yes${since}${address === null ? '' : `, at ${address}`}`;
}

function networkText({ dht, topics, offline, lan }: SwarmStatus): string {
  const nodes = { none: 'no DHT', silent: 'no DHT node answers', answering: 'DHT' }[dht];
  const local = lan.length === 0 ? '' : ', local network';
  return offline
    ? 'offline'
    : `${nodes}${local}; looking for ${topics.length === 0 ? 'nobody' : topics.join(', ')}`;
}

function named({ oneSeeder }: SwarmStatus): string {
  if (oneSeeder.length === 0) return '';
  return ` (${oneSeeder.slice(0, NAMED).join(', ')}${oneSeeder.length > NAMED ? ', …' : ''})`;
}

/** `3 h 20 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

function more(all: number, shown: number): string {
  return all > shown ? `\n… and ${all - shown} more; gtpkg status --json tells all.` : '';
}

function peerTable(peers: readonly PeerLine[], rows: number, columns: number): string {
  if (peers.length === 0) return '';
  const sorted = [...peers].sort(
    (a, b) => Number(b.connected) - Number(a.connected) || b.rateIn + b.rateOut - (a.rateIn + a.rateOut),
  );
  const lines = sorted.slice(0, rows).map((peer) => {
    const state = peer.refused ? 'refused' : peer.connected ? (peer.transport ?? '') : 'not connected';
    const rate = (value: number): string => (peer.connected ? `${size(value)}/s` : '');
    return [
      peer.key,
      peer.address ?? '',
      state,
      rate(peer.rateIn),
      rate(peer.rateOut),
      size(peer.received),
      size(peer.sent),
      peer.holds > 0 ? String(peer.holds) : '',
    ];
  });
  const heading = ['PEER', 'ADDRESS', 'OVER', 'IN', 'OUT', 'RECEIVED', 'SENT', 'HOLDS'];
  return table(heading, lines, columns) + more(peers.length, lines.length);
}

function releaseTable({ releases, seeding }: SwarmStatus, rows: number, columns: number): string {
  if (releases.length === 0) return '';
  const rarest = (a: HeldRelease, b: HeldRelease): number =>
    (a.seeders ?? 0) - (b.seeders ?? 0) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const lines = [...releases]
    .sort(rarest)
    .slice(0, rows)
    .map((each) => [
      each.name,
      each.version,
      each.source,
      ...(seeding ? [String(each.seeders ?? '')] : []),
      each.held === each.size ? size(each.size) : `${size(each.held)} of ${size(each.size)}`,
      each.core,
    ]);
  const heading = ['PACKAGE', 'VERSION', 'SOURCE', ...(seeding ? ['SEEDERS'] : []), 'HELD', 'CORE'];
  return table(heading, lines, columns) + more(releases.length, lines.length);
}
