import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { oneLine } from '../render/table.js';
import { ownersOf } from '../workflows/query.js';

export default class Owns extends GtpkgCommand<typeof Owns, { path: string; packages: string[] }> {
  static override usage = 'owns PATH';
  static override summary = 'Say which installed package a path belongs to.';
  static override examples = ['<%= config.bin %> owns /usr/bin/hello'];
  static override args = {
    path: Flags.word({ description: 'a path, as it is below the root', required: true }),
  };

  protected async work({ context, args }: Call<typeof Owns>): Promise<{ path: string; packages: string[] }> {
    return ownersOf(context, args.path);
  }

  protected render({ path, packages }: { path: string; packages: string[] }): string {
    return `${packages.join(', ')}: ${oneLine(path)}`;
  }
}
