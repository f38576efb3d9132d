/**
 * A publisher's home with real packages in it, made once: publishing compresses at 1–2 MB/s a core. It stays in the cache until the packages or
 * the format of release images change.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ZSTD_VERSION } from '../package-repo/index.js';
import { cached } from './debs.js';
import { Bench, usage } from './processes.js';

/** To be raised when release images change: docs/formats/release-core.md. */
const REVISION = 2;

/** A home that can be seeded from. */
export interface PublishedHome {
  readonly home: string;
  readonly introduction: string;
  /** what its index lists */
  readonly releases: readonly { readonly name: string; readonly version: string; readonly size: number }[];
}

/** Publishes these .debs, at the default compression or another. `say` hears when that takes its time. */
export async function publishedHome(
  files: readonly string[],
  say: (text: string) => void,
  compression?: number,
): Promise<PublishedHome> {
  const level = compression === undefined ? [] : [`compression ${compression}`];
  const named = files.map((file) => basename(file)).sort();
  const list = JSON.stringify([REVISION, ZSTD_VERSION, ...level, ...named]);
  const id = createHash('sha256').update(list).digest('hex').slice(0, 16);
  const folder = await cached(['published', id], async (draft) => {
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
      const { introduction, releases } = (await run(
        'publish',
        ...files,
        '--index',
        'bench',
        ...(compression === undefined ? [] : ['--compression', String(compression)]),
      )) as Omit<PublishedHome, 'home'>;
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
