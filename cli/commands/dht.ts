import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { runBootstrap, type BootstrapRun } from '../workflows/dht.js';

export default class Dht extends GtpkgCommand<typeof Dht, BootstrapRun> {
  static override usage = 'dht [--host H] [--port P]';
  static override summary = 'Run a bootstrap node for a network of your own, until ^C.';
  static override description =
    'Prints HOST:PORT; give that to the others with --bootstrap or GTPKG_BOOTSTRAP. An island network needs nothing from outside.';
  static override examples = ['<%= config.bin %> dht', '<%= config.bin %> dht --host 192.0.2.1 --port 49737'];
  static override flags = {
    host: Flags.string({ description: 'address to listen on', default: '127.0.0.1', helpValue: 'H' }),
    port: Flags.integer({ description: 'port (0: any)', default: 49737, min: 0, max: 65535, helpValue: 'P' }),
  };

  protected async work({ context, flags }: Call<typeof Dht>): Promise<BootstrapRun> {
    return runBootstrap(context, flags.host, flags.port);
  }

  protected render({ seconds }: BootstrapRun): string {
    return `Stopped after ${seconds} s.`;
  }
}
