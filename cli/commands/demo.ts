import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { runDemo, type DemoResult } from '../demo/story.js';

export default class Demo extends GtpkgCommand<typeof Demo, DemoResult> {
  static override usage = 'demo [--keep]';
  static override summary = 'See the whole story at work on this machine.';
  static override description =
    'Two publishers, one distribution, a seeder, clients, a tampering peer and a fork that outlives its upstream. Uses a temporary folder, removes it, and talks to nobody outside this machine.';
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --keep'];
  static override flags = {
    keep: Flags.boolean({ description: 'leave the temporary folder for a look around' }),
  };

  protected async work({ context, flags }: Call<typeof Demo>): Promise<DemoResult> {
    return runDemo(context, { keep: flags.keep });
  }

  protected render(result: DemoResult): string {
    return result.summary;
  }
}
