/**
 * A publisher's home with real packages in it, made once: publishing compresses at 1–2 MB/s a core. It stays in the cache until packages or the
 * code that makes release images change.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './debs.js';
import { Bench, usage } from './processes.js';

const ROOM = fileURLToPath(new URL('../package-repo/', import.meta.url));
/** What the bytes of an image depend on. */
const MAKERS = [
  'compose',
  'format',
  'image',
  'image-format',
  'payload',
  'release',
  'trees',
  'x86',
  'zstd',
  'zstd-engines',
];

/** A home that can be seeded from. */
export interface PublishedHome {
  readonly home: string;
  readonly introduction: string;
  /** what its index lists */
  readonly releases: readonly { readonly name: string; readonly version: string; readonly size: number }[];
}

/** Publishes these .debs at the default compression. `say` hears when that takes its time. */
export async function publishedHome(
  files: readonly string[],
  say: (text: string) => void,
): Promise<PublishedHome> {
  const hash = createHash('sha256').update(JSON.stringify([...files].sort()));
  for (const name of MAKERS) hash.update(await readFile(join(ROOM, `${name}.js`)));
  const folder = await cached(['published', hash.digest('hex').slice(0, 16)], async (draft) => {
    say(`publishing ${files.length} packages, once; this takes minutes`);
    const bench = await Bench.open();
    try {
      const home = join(draft, 'home');
      const run = async (...args: string[]): Promise<unknown> =>
        JSON.parse((await usage(bench.gtpkg(home, ...args, '--json', '--offline'))).stdout);
      const { fingerprint } = (await run(
        'key',
        'generate',
        '--name',
        'Bench',
        '--email',
        'bench@example.org',
      )) as {
        fingerprint: string;
      };
      await run('index', 'create', 'bench', '--key', fingerprint);
      const { introduction, releases } = (await run('publish', ...files, '--index', 'bench')) as Omit<
        PublishedHome,
        'home'
      >;
      await writeFile(join(draft, 'published.json'), JSON.stringify({ introduction, releases }));
    } finally {
      await bench.close();
    }
  });
  const made = JSON.parse(await readFile(join(folder, 'published.json'), 'utf8')) as Omit<
    PublishedHome,
    'home'
  >;
  return { ...made, home: join(folder, 'home') };
}
