/**
 * What upgrades cost: our deltas beside the new .deb files, debdelta and OSTree's static deltas, on packages that the apt lists hold in two
 * versions; and the time to apply them.
 *
 *     node dist/bench/deltas.js [--count 60] [--most 16000000] [--alone] [--json]
 *
 * The sample is the first of all such packages in the order of SHA-256(name), new .deb at most `--most` bytes. `--alone`: only ours.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { formatManifest, type CoreKey, type ReleasePin, type Sha256 } from '../model/index.js';
import { commitRelease, describeRelease, readDeb, signRelease, writeDelta } from '../package-repo/index.js';
import { generateKey, KeyStore, type Signer } from '../trust/index.js';
import { fetchPairs, twoVersions, type Pair } from './debs.js';
import { tools } from './tools.js';

const run = promisify(execFile);
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '60' },
    most: { type: 'string', default: '16000000' },
    alone: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

/** One upgrade; bytes. */
interface Row {
  readonly name: string;
  readonly deb: number;
  readonly ours: number;
  readonly debdelta?: number;
  readonly ostree?: number;
}

/** What the process that applies our deltas is told; bench/deltas-apply.ts. */
export interface Job {
  readonly delta: string;
  /** the older release, unpacked */
  readonly old: string;
  readonly tree: Sha256;
  readonly pin: ReleasePin;
  readonly out: string;
}

async function main(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
  try {
    const pairs = await sample();
    const files = await fetchPairs(pairs);
    const key = await generateKey({ name: 'Bench', email: 'bench@example.org' });
    const store = new KeyStore(join(scratch, 'keys'));
    await store.import(key.privateKey);
    const signer = await store.signer(key.fingerprint, () => Promise.resolve(undefined));
    const others = values.alone ? undefined : await otherTools(scratch);
    const rows: Row[] = [];
    const jobs: Job[] = [];
    for (const [i, pair] of pairs.entries()) {
      const file = files[i] as { old: string; new: string };
      const dir = join(scratch, pair.name);
      await mkdir(dir);
      process.stderr.write(`\r\x1b[K${i + 1}/${pairs.length} ${pair.name}`);
      const job = await ours(pair, { file, dir, signer });
      jobs.push(job);
      rows.push({
        name: pair.name,
        deb: await size(file.new),
        ours: await size(job.delta),
        ...(others === undefined ? {} : await theirs(others, { file, dir, old: job.old })),
      });
    }
    process.stderr.write('\r\x1b[K');
    await writeFile(join(scratch, 'jobs.json'), JSON.stringify({ jobs, key: key.publicKey }));
    const apply = applyTimes(scratch, { pairs, files, others });
    print(rows, apply);
  } finally {
    if (!values.keep) await rm(scratch, { recursive: true, force: true });
    else process.stderr.write(`${scratch}\n`);
  }
}

/** Programs of others to compare with. */
interface Others {
  readonly env: NodeJS.ProcessEnv;
  readonly ostree: string;
  readonly debdelta: string;
  readonly debpatch: string;
}

// debdelta looks for its helpers in /usr/bin and nowhere else: its copy here looks where they are
async function otherTools(scratch: string): Promise<Others> {
  const { env, path, folder } = await tools([
    'debdelta',
    'bsdiff',
    'xdelta',
    'xdelta3',
    'xz-utils',
    'ostree',
  ]);
  const bin = join(scratch, 'bin');
  await mkdir(bin);
  const script = (await readFile(path('debdelta'), 'utf8'))
    .replaceAll("os.path.exists('/usr/bin/", `os.path.exists('${folder}/usr/bin/`)
    .replaceAll('/usr/lib/debdelta', `${folder}/usr/lib/debdelta`);
  for (const name of ['debdelta', 'debpatch']) await writeFile(join(bin, name), script, { mode: 0o755 });
  return { env, ostree: path('ostree'), debdelta: join(bin, 'debdelta'), debpatch: join(bin, 'debpatch') };
}

async function sample(): Promise<Pair[]> {
  const order = (pair: Pair): string => createHash('sha256').update(pair.name).digest('hex');
  const all = (await twoVersions()).sort((a, b) => (order(a) < order(b) ? -1 : 1));
  const chosen: Pair[] = [];
  for (const pair of all) {
    if (chosen.length === Number(values.count)) break;
    const { stdout } = await run('apt-cache', ['show', '--no-all-versions', `${pair.name}=${pair.new}`]);
    if (Number(/^Size: (\d+)$/m.exec(stdout)?.[1] ?? Infinity) <= Number(values.most)) chosen.push(pair);
  }
  return chosen;
}

async function ours(
  pair: Pair,
  { file, dir, signer }: { file: { old: string; new: string }; dir: string; signer: Signer },
): Promise<Job> {
  const repo = join(dir, 'repo.git');
  const release = async (path: string): Promise<{ id: ReleasePin }> => {
    const input = await readDeb(path);
    try {
      const { id, tree } = await commitRelease(repo, input);
      const { tag } = await signRelease(repo, id, signer);
      const core = { key: 'y'.repeat(52) as CoreKey, byteLength: 1 };
      return { id: { ...id, core, tag, tree, signer: signer.fingerprint } };
    } finally {
      await input.close();
    }
  };
  const before = await release(file.old);
  const after = await release(file.new);
  const delta = join(dir, 'delta');
  const made = await writeDelta({ repoDir: repo, from: before.id, to: after.id, outFile: delta });
  if (made === undefined) throw new Error(`${pair.name}: no delta`);
  const old = join(dir, 'old');
  await run('dpkg-deb', ['-x', file.old, old]);
  const manifests = join(old, 'var/lib/gtpkg/manifests');
  await mkdir(manifests, { recursive: true });
  await writeFile(
    join(manifests, pair.name),
    formatManifest((await describeRelease(repo, before.id)).manifest),
  );
  return { delta, old, tree: before.id.tree, pin: after.id, out: join(dir, 'out') };
}

async function theirs(
  { env, ...programs }: Others,
  { file, dir, old }: { file: { old: string; new: string }; dir: string; old: string },
): Promise<{ debdelta: number; ostree: number }> {
  const debdelta = join(dir, 'debdelta');
  const made = spawnSync(programs.debdelta, [file.old, file.new, debdelta], { env, encoding: 'utf8' });
  if (/please install|Traceback/.test(made.stderr)) throw new Error(`debdelta: ${made.stderr}`);
  // it gives up where a delta is not worth it, or a format is beyond it: then the .deb is what travels
  const deltaSize = made.status === 0 ? await size(debdelta) : await size(file.new);
  const fresh = join(dir, 'new');
  await run('dpkg-deb', ['-x', file.new, fresh]);
  const repo = join(dir, 'ostree');
  const ostree = async (...args: string[]): Promise<string> =>
    (await run(programs.ostree, [`--repo=${repo}`, ...args], { env })).stdout.trim();
  await ostree('init', '--mode=archive');
  const from = await ostree('commit', '-b', 'b', `--tree=dir=${old}`);
  const to = await ostree('commit', '-b', 'b', `--tree=dir=${fresh}`);
  const delta = join(dir, 'ostree.delta');
  await ostree('static-delta', 'generate', `--from=${from}`, `--to=${to}`, '--inline', `--filename=${delta}`);
  return { debdelta: deltaSize, ostree: await size(delta) };
}

async function size(path: string): Promise<number> {
  return (await stat(path)).size;
}

interface Times {
  readonly ours: number;
  readonly debpatch?: number;
}

// One process of ours applies all, as one upgrade does; debpatch is called for each, as debdelta-upgrade does.
function applyTimes(
  scratch: string,
  {
    pairs,
    files,
    others,
  }: { pairs: readonly Pair[]; files: readonly { old: string }[]; others: Others | undefined },
): Times {
  const timed = (file: string, args: readonly string[], env?: NodeJS.ProcessEnv): number => {
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(file, args, { env: env ?? process.env });
    if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr.toString()}`);
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  const child = fileURLToPath(new URL('./deltas-apply.js', import.meta.url));
  const own = timed(process.execPath, [child, join(scratch, 'jobs.json')]);
  if (others === undefined) return { ours: own };
  let debpatch = 0;
  for (const [i, pair] of pairs.entries()) {
    const dir = join(scratch, pair.name);
    const delta = join(dir, 'debdelta');
    try {
      debpatch += timed(
        others.debpatch,
        ['-A', delta, files[i]?.old ?? '', join(dir, 'patched.deb')],
        others.env,
      );
    } catch (error) {
      process.stderr.write(`${pair.name}: ${String(error).split('\n').slice(-2, -1).join('')}\n`);
    }
  }
  return { ours: own, debpatch };
}

function print(rows: readonly Row[], apply: Times): void {
  const sum = (field: 'deb' | 'ours' | 'debdelta' | 'ostree'): number =>
    rows.reduce((total, row) => total + (row[field] ?? 0), 0);
  const deb = sum('deb');
  const ratio = (bytes: number): string => (bytes / deb).toFixed(4);
  const figures = {
    packages: rows.length,
    deb,
    ours: sum('ours') / deb,
    ...(values.alone ? {} : { debdelta: sum('debdelta') / deb, ostree: sum('ostree') / deb }),
    applySeconds: apply.ours,
    ...(apply.debpatch === undefined
      ? {}
      : { debpatchSeconds: apply.debpatch, applyRatio: apply.ours / apply.debpatch }),
  };
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ figures, rows })}\n`);
    return;
  }
  const cell = (text: string | number | undefined, width = 10): string => String(text ?? '').padStart(width);
  console.log(`${'package'.padEnd(42)}${cell('.deb')}${cell('gtpkg')}${cell('debdelta')}${cell('OSTree')}`);
  for (const row of rows)
    console.log(
      `${row.name.padEnd(42)}${cell(row.deb)}${cell(row.ours)}${cell(row.debdelta)}${cell(row.ostree)}`,
    );
  console.log(`\n${rows.length} upgrades, ${deb} bytes of .deb`);
  console.log(`gtpkg    ${ratio(sum('ours'))}`);
  if (!values.alone) console.log(`debdelta ${ratio(sum('debdelta'))}\nOSTree   ${ratio(sum('ostree'))}`);
  console.log(
    `applied and verified in ${apply.ours.toFixed(2)} s` +
      (apply.debpatch === undefined
        ? ''
        : `; debpatch ${apply.debpatch.toFixed(2)} s; ratio ${(apply.ours / apply.debpatch).toFixed(3)}`),
  );
}

await main();
