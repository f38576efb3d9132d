import { GtpkgCommand, type Call } from '../command.js';
import { renderUpdates } from '../render/updates.js';
import { updateSources } from '../workflows/sources.js';
import type { SourceUpdate } from '../workflows/sync-source.js';

export default class Update extends GtpkgCommand<typeof Update, { updates: SourceUpdate[] }> {
  static override usage = 'update [SOURCE...]';
  static override summary = 'Fetch the newest signed index of each source.';
  static override description =
    'Only an index that its roots have signed and that goes on from the one known is taken.';
  static override examples = ['<%= config.bin %> update', '<%= config.bin %> update acme'];
  static override strict = false;

  protected async work({ context, words }: Call<typeof Update>): Promise<{ updates: SourceUpdate[] }> {
    return { updates: await updateSources(context, words) };
  }

  protected render({ updates }: { updates: SourceUpdate[] }): string {
    if (updates.length === 0) return 'No sources yet: gtpkg source add INTRODUCTION adds one.';
    return renderUpdates(updates);
  }
}
