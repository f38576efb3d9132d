import { GtpkgCommand, type Call } from '../command.js';
import { environmentOf, type RootEnvironment } from '../workflows/env.js';

export default class Env extends GtpkgCommand<typeof Env, RootEnvironment> {
  static override usage = 'env';
  static override summary = 'Print the settings that let a shell find what is installed.';
  static override description =
    'For a root that is not /: PATH, MANPATH and XDG_DATA_DIRS, for a shell to evaluate. Libraries are not named: a program of the root that needs those of the root is started with chroot.';
  static override examples = ['eval "$(<%= config.bin %> env)"', '<%= config.bin %> env --root ~/tools'];

  protected work({ context }: Call<typeof Env>): Promise<RootEnvironment> {
    return Promise.resolve(environmentOf(context.settings.root));
  }

  protected render({ variables }: RootEnvironment): string {
    return variables
      .map(({ name, paths, then }) => `export ${name}=${quoted(paths.join(':'))}${then}`)
      .join('\n');
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
