/** Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/. */

/** What is told, in bytes and counts. */
export interface SwarmFigures {
  readonly connections: number;
  readonly releases: number;
  readonly wholeReleases: number;
  readonly held: number;
  readonly disk: number;
  readonly limit: number | null;
  readonly received: number;
  readonly sent: number;
  readonly savedByDeltas: number;
  readonly badBlocks: number;
  /** packages whose newest release no node holds whole that we know of, one does, more do */
  readonly seeded: { readonly nobody: number; readonly one: number; readonly more: number };
  readonly dht: string;
}

type Kind = 'gauge' | 'counter';

/** The document, ending in a newline. */
export function metricsText(figures: SwarmFigures): string {
  const lines: string[] = [];
  const metric = (
    [name, kind, help]: readonly [string, Kind, string],
    ...samples: readonly (readonly [string, number])[]
  ): void => {
    lines.push(`# HELP gtpkg_${name} ${help}`, `# TYPE gtpkg_${name} ${kind}`);
    for (const [labels, value] of samples) lines.push(`gtpkg_${name}${labels} ${value}`);
  };
  metric(['peers_connected', 'gauge', 'Peers connected now.'], ['', figures.connections]);
  metric(
    ['releases_held', 'gauge', 'Listed releases of which blocks are held.'],
    ['{whole="yes"}', figures.wholeReleases],
    ['{whole="no"}', figures.releases - figures.wholeReleases],
  );
  metric(['held_bytes', 'gauge', 'Bytes of blocks in the store.'], ['', figures.held]);
  metric(['disk_bytes', 'gauge', 'Bytes that the store takes on disk.'], ['', figures.disk]);
  if (figures.limit !== null)
    metric(['limit_bytes', 'gauge', 'Bytes that may be held.'], ['', figures.limit]);
  metric(
    ['received_bytes_total', 'counter', 'Bytes received from peers, overhead included.'],
    ['', figures.received],
  );
  metric(['sent_bytes_total', 'counter', 'Bytes sent to peers, overhead included.'], ['', figures.sent]);
  metric(
    ['delta_saved_bytes_total', 'counter', 'Bytes that deltas have saved this home, over all time.'],
    ['', figures.savedByDeltas],
  );
  metric(['bad_blocks_total', 'counter', 'Corrupt blocks that peers sent.'], ['', figures.badBlocks]);
  metric(
    ['packages', 'gauge', 'Listed packages by the number of seeders known of their newest release.'],
    ['{seeders="0"}', figures.seeded.nobody],
    ['{seeders="1"}', figures.seeded.one],
    ['{seeders="2+"}', figures.seeded.more],
  );
  metric(['dht_up', 'gauge', 'Whether a DHT node has answered.'], ['', Number(figures.dht === 'answering')]);
  return `${lines.join('\n')}\n`;
}
