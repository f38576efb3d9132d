import { KEPT_TRANSACTIONS } from '../../model/limits.js';
import { parseRate, parseSize } from '../amounts.js';
import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { seed, type Seeding } from '../workflows/seed.js';

export default class Seed extends GtpkgCommand<typeof Seed, Seeding> {
  static override usage =
    'seed [SOURCE...] [--all | --package NAME...] [--limit SIZE] [--up RATE] [--listen HOST:PORT] [--lan]';
  static override summary = 'Serve what this home holds to everybody, until ^C.';
  static override description = `Owns the store while it runs: other gtpkg commands with the same home work through it.
Prints its address, which others can give to gtpkg peer add. docs/seeding.md has a systemd unit.`;
  static override examples = [
    '<%= config.bin %> seed',
    '<%= config.bin %> seed acme --all --limit 100GB --up 8MiB/s --listen 0.0.0.0:49737',
    '<%= config.bin %> seed acme --package git --package "python3*/stable"',
  ];
  static override strict = false;
  static override flags = {
    all: Flags.boolean({
      description: 'fetch and keep every release of these sources, to serve a whole distribution',
      exclusive: ['package'],
    }),
    package: Flags.string({
      description: 'fetch and keep the releases of this package (repeatable; * stands for any text)',
      helpValue: 'NAME[/SUITE]',
      multiple: true,
      multipleNonGreedy: true,
    }),
    limit: Flags.string({
      description: 'hold no more than this: free what is not listed, then old, then well seeded',
      helpValue: 'SIZE',
    }),
    'drop-last-copies': Flags.boolean({
      description: 'let the limit free listed releases of which no other seeder is known',
    }),
    history: Flags.integer({
      description: 'whatever the limit, keep what rollback needs of so many last transactions of your roots',
      helpValue: 'N',
      min: 0,
      max: 1000,
      default: KEPT_TRANSACTIONS,
    }),
    up: Flags.string({ description: 'send no faster than this', helpValue: 'RATE' }),
    down: Flags.string({ description: 'receive no faster than this', helpValue: 'RATE' }),
    connections: Flags.integer({
      description: 'connections to peers at once',
      helpValue: 'N',
      min: 1,
      max: 1024,
    }),
    listen: Flags.string({
      description: 'accept direct connections here, without any DHT',
      helpValue: 'HOST:PORT',
    }),
    lan: Flags.boolean({
      description: 'be found on the local network; the default, unless GTPKG_LAN is off',
      exclusive: ['no-lan'],
    }),
    metrics: Flags.string({
      description: 'figures for Prometheus at http://HOST:PORT/metrics; best on 127.0.0.1',
      helpValue: 'HOST:PORT',
    }),
  };

  protected async work({ context, flags, words }: Call<typeof Seed>): Promise<Seeding> {
    const { limit, up, down, package: packages } = flags;
    return seed(context, {
      sources: words,
      hold: flags.all ? { packages: [] } : packages === undefined ? undefined : { packages },
      limit: limit === undefined ? undefined : parseSize(limit),
      lastCopies: flags['drop-last-copies'],
      history: flags.history,
      up: up === undefined ? undefined : parseRate(up),
      down: down === undefined ? undefined : parseRate(down),
      connections: flags.connections,
      listen: flags.listen,
      metrics: flags.metrics,
    });
  }

  protected render({ seconds }: Seeding): string {
    return `Stopped after ${seconds} s.`;
  }
}
