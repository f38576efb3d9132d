import { GtpkgCommand, type Call } from '../../command.js';
import { table } from '../../render/table.js';
import { listPeers, type StoredPeer } from '../../workflows/peers.js';

export default class PeerList extends GtpkgCommand<typeof PeerList, { peers: StoredPeer[] }> {
  static override usage = 'peer list';
  static override summary = 'List the peers that this home remembers.';
  static override examples = ['<%= config.bin %> peer list'];

  protected async work({ context }: Call<typeof PeerList>): Promise<{ peers: StoredPeer[] }> {
    return { peers: await listPeers(context) };
  }

  protected render({ peers }: { peers: StoredPeer[] }): string {
    if (peers.length === 0) return 'No peers are stored: gtpkg peer add KEY@HOST:PORT adds one.';
    return table(
      ['PEER'],
      peers.map((peer) => [peer.peer]),
    );
  }
}
