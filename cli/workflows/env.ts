/** What a shell must know to use a root that is not its own. */
import { join } from 'node:path';

/** Variables, and what goes before that which they have. */
export interface RootEnvironment {
  readonly root: string;
  readonly variables: readonly {
    readonly name: string;
    readonly paths: readonly string[];
    /** in shell syntax: what the variable holds already, or what an unset one means */
    readonly then: string;
  }[];
}

/** Nothing for `/`, where all of it is found anyway. */
export function environmentOf(root: string): RootEnvironment {
  if (root === '/') return { root, variables: [] };
  const at = (...paths: string[]): string[] => paths.map((path) => join(root, path));
  return {
    root,
    variables: [
      {
        name: 'PATH',
        paths: at('usr/local/bin', 'usr/bin', 'bin', 'usr/games'),
        then: '"${PATH:+:$PATH}"', // eslint-disable-line no-template-curly-in-string -- for the shell
      },
      // an empty part is the system's own manual pages
      { name: 'MANPATH', paths: at('usr/local/share/man', 'usr/share/man'), then: '":$MANPATH"' },
      {
        name: 'XDG_DATA_DIRS',
        paths: at('usr/local/share', 'usr/share'),
        then: '":${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"', // eslint-disable-line no-template-curly-in-string -- for the shell
      },
    ],
  };
}
