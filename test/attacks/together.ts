/**
 * Runs the attacks that GTPKG_TOGETHER names (compiled files, one a line) in this one process, one after the other: the scene is made once,
 * and sixty starts of Node are saved. scripts/test.mjs starts it. A single one runs by itself as well: `node --test dist/test/attacks/rollback.test.js`.
 */
import { pathToFileURL } from 'node:url';

for (const path of (process.env['GTPKG_TOGETHER'] ?? '').split('\n').filter(Boolean))
  await import(pathToFileURL(path).href);
