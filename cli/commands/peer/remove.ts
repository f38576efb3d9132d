import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { removePeer, type StoredPeer } from '../../workflows/peers.js';

export default class PeerRemove extends GtpkgCommand<typeof PeerRemove, StoredPeer> {
  static override usage = 'peer remove KEY';
  static override summary = 'Forget a peer.';
  static override examples = ['<%= config.bin %> peer remove ybnd…@192.0.2.7:49737'];
  static override args = { peer: Flags.word({ description: 'KEY or KEY@HOST:PORT', required: true }) };

  protected async work({ context, args }: Call<typeof PeerRemove>): Promise<StoredPeer> {
    return removePeer(context, args.peer);
  }

  protected render(peer: StoredPeer): string {
    return `Removed ${peer.peer}.`;
  }
}
