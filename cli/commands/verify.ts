import { EXIT } from '../../model/index.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderVerified } from '../render/verified.js';
import { verifyInstalled, type Verification } from '../workflows/root.js';

export default class Verify extends GtpkgCommand<typeof Verify, Verification> {
  static override usage = 'verify [PKG...]';
  static override summary = 'Compare installed files with the signed manifests.';
  static override description =
    'Contents, kinds, links, modes and owners. A difference makes the exit status 5; a changed conffile is shown and is none, and so is what no package has in directories of packages.';
  static override examples = ['<%= config.bin %> verify', '<%= config.bin %> verify hello'];
  static override strict = false;

  protected async work({ context, words }: Call<typeof Verify>): Promise<Verification> {
    return verifyInstalled(context, words);
  }

  protected render(verification: Verification): string {
    return renderVerified(verification);
  }

  protected override status(verification: Verification): number {
    return verification.ok ? EXIT.ok : EXIT.untrusted;
  }
}
