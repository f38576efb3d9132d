import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { addPeer, type StoredPeer } from '../../workflows/peers.js';

export default class PeerAdd extends GtpkgCommand<typeof PeerAdd, StoredPeer> {
  static override usage = 'peer add KEY@HOST:PORT';
  static override summary = 'Remember a peer to dial directly, without any DHT.';
  static override examples = ['<%= config.bin %> peer add ybnd…@192.0.2.7:49737'];
  static override args = {
    peer: Flags.word({ description: 'KEY@HOST:PORT, as gtpkg seed prints it', required: true }),
  };

  protected async work({ context, args }: Call<typeof PeerAdd>): Promise<StoredPeer> {
    return addPeer(context, args.peer);
  }

  protected render(peer: StoredPeer): string {
    return `Added ${peer.peer}.`;
  }
}
