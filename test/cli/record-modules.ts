/**
 * Loaded with `node --import` before gtpkg: writes the URL or path of every module that the process loads, ESM and CommonJS, to
 * the file that GTPKG_TEST_MODULES names, one a line.
 */
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';

const file = process.env['GTPKG_TEST_MODULES'] ?? '';
const hooks = `
import { appendFileSync } from 'node:fs';
export function load(url, context, next) {
  appendFileSync(${JSON.stringify(file)}, url + '\\n');
  return next(url, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const { cache } = createRequire(import.meta.url);
process.on('exit', () => appendFileSync(file, `${Object.keys(cache).join('\n')}\n`));
