import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { seed, type Seeding } from '../workflows/seed.js';

export default class Seed extends GtpkgCommand<typeof Seed, Seeding> {
  static override usage = 'seed [SOURCE...] [--all] [--listen HOST:PORT] [--lan]';
  static override summary = 'Serve what this home holds to everybody, until ^C.';
  static override description = `Owns the store while it runs: other gtpkg commands with the same home work through it.
Prints its address, which others can give to gtpkg peer add.`;
  static override examples = [
    '<%= config.bin %> seed',
    '<%= config.bin %> seed acme --all --listen 0.0.0.0:49737',
  ];
  static override strict = false;
  static override flags = {
    all: Flags.boolean({
      description: 'fetch every release of these sources first, to serve a whole distribution',
    }),
    listen: Flags.string({
      description: 'accept direct connections here, without any DHT',
      helpValue: 'HOST:PORT',
    }),
    lan: Flags.boolean({
      description: 'be found on the local network; the default, unless GTPKG_LAN is off',
      exclusive: ['no-lan'],
    }),
  };

  protected async work({ context, flags, words }: Call<typeof Seed>): Promise<Seeding> {
    return seed(context, { sources: words, all: flags.all, listen: flags.listen });
  }

  protected render({ seconds }: Seeding): string {
    return `Stopped after ${seconds} s.`;
  }
}
