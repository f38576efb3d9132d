/**
 * The tools of fixtures/tools.ts, unpacked once into the benchmarks' cache.
 */
import { createHash } from 'node:crypto';
import { fetchDebs, wouldFetch } from '../fixtures/debs.js';
import { toolsIn, unpackTools, type Tools } from '../fixtures/tools.js';
import { cache, cached } from './debs.js';

export type { Tools } from '../fixtures/tools.js';

/** Unpacks these Debian packages with whatever they need that the machine lacks. Needs apt's lists, and a mirror the first time. */
export async function tools(packages: readonly string[]): Promise<Tools> {
  const debs = await wouldFetch(packages, { bare: false });
  const names = debs.map(({ file }) => file).sort();
  const id = createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16);
  const folder = await cached(['tools', id], async (draft) =>
    unpackTools(await fetchDebs(debs, await cache('debs')), draft),
  );
  return toolsIn(folder);
}
