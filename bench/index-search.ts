/**
 * Asking an index as large as Debian's, and publishing into it, as whole processes.
 *
 *     npm run build && node dist/bench/index-search.js [--runs N]
 *
 * `gtpkg search editor` and other questions against `node -e 0` and against `apt-cache search editor` of the same packages (names and
 * summaries: apt has no translations here), warm, in turn. Then a first compile of the query file against `apt-cache gencaches`, and `gtpkg publish` of one
 * small package, new in each round, into the same index. Needs what bench/index-update.js has made.
 */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeProgram } from '../cli/demo/packages.js';
import { AptMirror } from './apt-mirror.js';
import { fullIndex } from './index-home.js';
import { compare, median, type Command } from './measure.js';
import { Bench, mb, usage, type Program, type Usage } from './processes.js';

const { values: options } = parseArgs({ options: { runs: { type: 'string', default: '9' } } });
const runs = Number(options.runs);
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const COMPILE = fileURLToPath(new URL('index-compile.js', import.meta.url));
const full = await fullIndex(say);
if (!existsSync(join(full.client, 'sources'))) throw new Error('run index-update.js first');
const bench = await Bench.open();
let mirror: AptMirror | undefined;
try {
  mirror = await AptMirror.open(bench, [
    `${full.paragraphs.map((paragraph) => paragraph.trim()).join('\n\n')}\n`,
  ]);
  await mirror.serve(0);
  await usage(await mirror.program('apt-get', ['update', '-qq']));
  const named = (name: string, { file, args, env = {} }: Program): Command => ({ name, file, args, env });
  const gtpkg = (...args: string[]): Command =>
    named(`gtpkg ${args.join(' ')}`, bench.gtpkg(full.client, ...args));
  const node: Command = { name: 'node -e 0', file: process.execPath, args: ['-e', '0'] };
  const apt = async (...args: string[]): Promise<Command> =>
    named(`apt-cache ${args.join(' ')}`, await (mirror as AptMirror).program('apt-cache', args));
  const search = gtpkg('search', 'editor');
  for (const [command, base, must] of [
    [search, node, '≤ 5'],
    [search, await apt('search', 'editor'), '≤ 0.5'],
    [gtpkg('search', 'edtior'), node, ''],
    [gtpkg('search', 'text', 'editor'), node, ''],
    [gtpkg('show', 'vim'), await apt('show', 'vim'), ''],
  ] as const) {
    const result = compare(command, base, runs);
    process.stdout.write(
      `${result.name.padEnd(26)} ${(result.seconds * 1000).toFixed(0)} ms   ${result.against} ${(result.base * 1000).toFixed(0)} ms   × ${result.ratio.toFixed(2)} ${must === '' ? '' : `(must be ${must})`}\n${JSON.stringify({ bench: 'index-search', ...result })}\n`,
    );
  }
  const { peak } = await usage(bench.gtpkg(full.client, 'search', 'editor'));
  process.stdout.write(`peak memory of a search: ${mb(peak)} MB\n`);
  const show = (name: string, ours: readonly Usage[], rest: string): void => {
    const of = (what: (each: Usage) => number): number => median(ours.map(what));
    process.stdout.write(
      `${name.padEnd(26)} ${of((each) => each.wall).toFixed(2)} s   cpu ${of((each) => each.cpu).toFixed(2)} s   peak ${mb(of((each) => each.peak))} MB   ${rest}\n${JSON.stringify({ bench: 'index-search', case: name, runs: ours.map(({ wall, cpu, peak: most }) => ({ wall, cpu, peak: most })) })}\n`,
    );
  };
  const compiled: Usage[] = [];
  const caches: Usage[] = [];
  for (let i = 0; i < 3; i++) {
    const path = bench.path('query');
    await rm(path, { force: true });
    const index = join(full.publisher, 'indexes', 'bench', 'index.git');
    compiled.push(await usage({ file: process.execPath, args: [COMPILE, index, path] }));
    await rm(bench.path('apt', 'cache'), { recursive: true, force: true });
    caches.push(await usage(await mirror.program('apt-cache', ['gencaches'])));
  }
  const ratio = median(compiled.map(({ wall }, i) => wall / (caches[i]?.wall ?? NaN)));
  const seconds = median(caches.map(({ wall }) => wall)).toFixed(2);
  show('first query file', compiled, `apt-cache gencaches ${seconds} s   × ${ratio.toFixed(2)}`);
  const clock = Math.floor(Date.now() / 1000);
  const published: Usage[] = [];
  for (let i = 0; i < 3; i++) {
    const script = `#!/bin/sh\necho ${clock + i}\n`;
    const folder = bench.path(`program-${i}`);
    const version = `1.${clock + i}`;
    const program = await writeProgram(folder, { name: 'gtpkg-bench', version, summary: 'new', script });
    published.push(
      await usage(bench.gtpkg(full.publisher, 'publish', program, '--index', 'bench', '--offline')),
    );
  }
  show('publish one package', published, '(must be ≤ 2 s)');
  const head = await readFile(
    join(full.publisher, 'indexes', 'bench', 'index.git', 'refs/heads/main'),
    'latin1',
  );
  say(`the index is at ${head.trim()}`);
} finally {
  await mirror?.close();
  await bench.close();
}
