/**
 * A distribution as large as Debian, in the cache and made once: a publisher's home with an index of all packages of an apt list (bookworm main
 * amd64: 63,440), and a client's home that follows it. The entries are Debian's own paragraphs; what an entry pins (core, tag, tree) is
 * made up, because no release behind it is ever fetched here.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Context, settingsFrom } from '../cli/context.js';
import { getIndex } from '../cli/places.js';
import { indexRepository, indexSigners, pushIndex } from '../cli/workflows/own-index.js';
import { changeIndex, entryFrom, type IndexChange, type IndexEntry } from '../index-repo/index.js';
import {
  controlFrom,
  encodeCoreKey,
  parseParagraph,
  type Fingerprint,
  type Oid,
  type Sha256,
} from '../model/index.js';
import { cache, cached } from './debs.js';
import { Bench, usage } from './processes.js';

const run = promisify(execFile);
const SUITE = 'stable';
const INDEX = 'bench';
/** What an index says in other words, or does not say. */
const LEFT_OUT = new Set(['Filename', 'Size', 'MD5sum', 'SHA1', 'SHA256', 'Description-md5']);

/** Two homes of one distribution. */
export interface FullIndex {
  readonly publisher: string;
  /** may be behind by some changes */
  readonly client: string;
  readonly introduction: string;
  /** paragraphs of the apt list, as they stand there */
  readonly paragraphs: readonly string[];
}

/** The largest list of packages that apt has here. @throws Error when it has none */
export async function aptPackages(): Promise<string> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(FILENAME)',
    'Created-By: Packages',
  ]);
  let largest = '';
  for (const list of stdout.split('\n').filter((line) => line !== '')) {
    const { stdout: text } = await run('/usr/lib/apt/apt-helper', ['cat-file', list], {
      maxBuffer: 1 << 28,
    });
    if (text.length > largest.length) largest = text;
  }
  if (largest === '') throw new Error('apt has no lists here: run apt-get update');
  return largest;
}

/** The paragraph with another version: the `round`-th new one. Round 0 is the one that is there. */
export function rebuilt(paragraph: string, round: number): string {
  return round === 0 ? paragraph : paragraph.replace(/^(Version: \S+)$/m, `$1+b${round}`);
}

/** Every so manieth paragraph, `count` of them. */
export function some(paragraphs: readonly string[], count: number): string[] {
  const step = Math.floor(paragraphs.length / count);
  return Array.from({ length: count }, (_, i) => paragraphs[i * step + 7] ?? '');
}

function entryOf(paragraph: string, signer: Fingerprint): IndexEntry {
  const fields = parseParagraph(paragraph.endsWith('\n') ? paragraph : `${paragraph}\n`, {
    where: 'apt list',
    code: 'CONTROL_MALFORMED',
  });
  for (const name of LEFT_OUT) fields.delete(name);
  const control = controlFrom(fields, 'apt list');
  const { name, version, architecture } = control;
  const digest = (what: string): Buffer =>
    createHash('sha256').update(`${what} ${name} ${version} ${architecture}`).digest();
  return entryFrom(control, {
    name,
    version,
    architecture,
    core: { key: encodeCoreKey(digest('core')), byteLength: 1000 + (digest('size').readUInt32LE(0) % 2e6) },
    tag: digest('tag').toString('hex', 0, 20) as Oid,
    tree: digest('tree').toString('hex') as Sha256,
    signer,
  });
}

/** Puts these packages into the index, one signed commit, and that onto its index core. */
export async function enlistParagraphs(home: string, paragraphs: readonly string[]): Promise<void> {
  const context = new Context(settingsFrom({ home, 'no-lan': true, bootstrap: ['none'] }, {}));
  try {
    const index = await getIndex(context, INDEX);
    const signers = await indexSigners(context, index, undefined);
    const signer = signers[0]?.fingerprint as Fingerprint;
    const changes = paragraphs.map((paragraph): IndexChange => {
      const entry = entryOf(paragraph, signer);
      return { kind: 'add', suite: SUITE, entry };
    });
    const options = { signers, now: context.now, keepVersions: 1, allowOlder: true, validForDays: 3650 };
    await changeIndex(indexRepository(index), { changes, ...options });
    await pushIndex(context, index);
  } finally {
    await context.close();
  }
}

/** `say` hears when making it takes its time. @throws Error without apt lists */
export async function fullIndex(say: (text: string) => void): Promise<FullIndex> {
  const list = join(await cache(), 'index-packages.txt');
  const text = await readFile(list, 'utf8').catch(async () => {
    const fetched = await aptPackages();
    await writeFile(list, fetched);
    return fetched;
  });
  const paragraphs = text.split('\n\n').filter((paragraph) => paragraph.trim() !== '');
  const id = createHash('sha256').update(`2 ${text}`).digest('hex').slice(0, 16);
  const folder = await cached(['full-index', id], async (draft) => {
    say(`making an index of ${paragraphs.length} packages, once; this takes a minute or two`);
    const bench = await Bench.open();
    try {
      const home = join(draft, 'publisher');
      const json = async (...args: string[]): Promise<Record<string, string>> =>
        JSON.parse((await usage(bench.gtpkg(home, ...args, '--json', '--offline'))).stdout) as Record<
          string,
          string
        >;
      const { fingerprint = '' } = await json(
        ...['key', 'generate', '--name', 'Bench', '--email', 'bench@example.org'],
      );
      const created = await json('index', 'create', INDEX, '--key', fingerprint, '--suite', SUITE);
      await enlistParagraphs(home, paragraphs);
      await writeFile(join(draft, 'introduction'), created['introduction'] ?? '');
    } finally {
      await bench.close();
    }
  });
  const introduction = await readFile(join(folder, 'introduction'), 'utf8');
  return { publisher: join(folder, 'publisher'), client: join(folder, 'client'), introduction, paragraphs };
}
