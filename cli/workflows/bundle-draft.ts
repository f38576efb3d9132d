/**
 * Where a source changes while a bundle is judged: in its own place, or in a copy that is thrown away, so that a dry run gives the very
 * verdict that the real one would.
 */
import { cp, mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.js';
import type { Source } from '../places.js';
import { withScratch } from '../scratch.js';

/** @param work - given what turns a source into the one to change */
export function withDraft<T>(
  context: Context,
  dryRun: boolean,
  work: (draft: (source: Source) => Promise<Source>) => Promise<T>,
): Promise<T> {
  if (!dryRun) return work((source) => Promise.resolve(source));
  return withScratch(context, 'bundle', (scratch) =>
    work(async (source) => {
      const directory = join(scratch, source.name);
      if (existsSync(source.directory)) await cp(source.directory, directory, { recursive: true });
      else await mkdir(directory, { recursive: true });
      return { ...source, directory };
    }),
  );
}
