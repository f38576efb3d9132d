/** A process that compiles the query file of an index from nothing: `node dist/bench/index-compile.js INDEX.GIT FILE`. */
import { compileQuery, headOf, openIndex } from '../index-repo/index.js';
import { debianArchitecture } from '../model/index.js';

const [index = '', path = ''] = process.argv.slice(2);
const head = await headOf(await openIndex(index));
await compileQuery(index, head, { path, architectures: [debianArchitecture(process.arch)] });
