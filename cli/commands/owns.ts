import * as Args from '@oclif/core/args';
import { GtpkgCommand, type Call } from '../command.js';
import { ownersOf } from '../workflows/query.js';

export default class Owns extends GtpkgCommand<typeof Owns, { path: string; packages: string[] }> {
  static override summary = 'Say which installed package a path belongs to.';
  static override examples = ['<%= config.bin %> owns /usr/bin/hello'];
  static override args = {
    path: Args.string({ description: 'a path, as it is below the root', required: true }),
  };

  protected async work({ context, args }: Call<typeof Owns>): Promise<{ path: string; packages: string[] }> {
    return ownersOf(context, args.path);
  }

  protected render({ path, packages }: { path: string; packages: string[] }): string {
    return `${packages.join(', ')}: ${path}`;
  }
}
