/** Made-up releases, throw-away roots, and pictures of what is on a disk. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareBytes, parentPath, pathFromText, type BytePath } from '../../model/bytes.js';
import { controlFrom } from '../../model/control.js';
import { Paragraph } from '../../model/deb822.js';
import { GtpkgError, type ErrorCode } from '../../model/errors.js';
import { silent, type Report } from '../../model/events.js';
import { encodeCoreKey, type Fingerprint, type Oid, type Sha256 } from '../../model/ids.js';
import {
  formatManifest,
  parseManifest,
  ROOT_OWNER,
  type EntryType,
  type ManifestEntry,
  type Owner,
} from '../../model/manifest.js';
import type { PayloadSink, VerifiedRelease } from '../../model/release.js';
import type { Xattr } from '../../model/xattr.js';
import { markVerified } from '../../model/verified.js';
import {
  openRoot,
  runTransaction,
  type OpenRoot,
  type OpenRootOptions,
  type TransactionRequest,
  type TransactionResult,
  type TransactionStep,
} from '../../installer/index.js';

/** A path of a made-up package: text is a file's content. */
export type Spec =
  | string
  | {
      type?: EntryType;
      content?: string | Buffer;
      link?: string;
      mode?: number;
      owner?: Owner;
      mtime?: number;
      xattrs?: readonly Xattr[];
    };

export interface PackageSpec {
  readonly name: string;
  readonly version?: string;
  /** paths as text; directories on the way are added */
  readonly files?: Readonly<Record<string, Spec>>;
  readonly conffiles?: readonly string[];
  /** of `remove-on-upgrade` */
  readonly gone?: readonly string[];
  readonly replaces?: string;
  /** further control fields */
  readonly fields?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  /** changes what extract() delivers */
  readonly tamper?: (sink: PayloadSink) => PayloadSink | Promise<PayloadSink>;
  readonly failAfter?: Error;
}

export const MTIME = 1_600_000_000;
const sha256 = (bytes: string | Buffer): Sha256 => createHash('sha256').update(bytes).digest('hex') as Sha256;

function entryOf(path: BytePath, spec: Spec): { entry: ManifestEntry; bytes: Buffer } {
  const {
    type = 'f',
    content = '',
    link,
    mode,
    owner = ROOT_OWNER,
    mtime = MTIME,
    xattrs,
  } = typeof spec === 'string' ? { content: spec } : spec;
  const bytes = Buffer.from(content as string);
  const plain = type === 'd' ? 0o755 : type === 'l' ? 0o777 : 0o644;
  const entry: ManifestEntry = {
    type,
    mode: mode ?? plain,
    owner,
    group: owner,
    size: type === 'f' ? bytes.length : 0,
    mtime,
    ...(type === 'f' ? { sha256: sha256(bytes) } : {}),
    ...(link === undefined ? {} : { link }),
    path,
    ...(xattrs === undefined ? {} : { xattrs }),
  };
  return { entry, bytes };
}

/** A release as verifyRelease would hand it over. */
export function release(spec: PackageSpec): VerifiedRelease {
  const { name, version = '1', files = {}, conffiles = [], gone = [], scripts = {} } = spec;
  const entries = new Map<string, { entry: ManifestEntry; bytes: Buffer }>();
  for (const [text, one] of Object.entries(files)) {
    const path = pathFromText(text);
    entries.set(path, entryOf(path, one));
    for (let parent = parentPath(path); parent !== ''; parent = parentPath(parent)) {
      if (!entries.has(parent)) entries.set(parent, entryOf(parent, { type: 'd' }));
    }
  }
  const manifestBytes = formatManifest([...entries.values()].map(({ entry }) => entry));
  const manifest = parseManifest(manifestBytes);
  const fields = Paragraph.of([
    ['Package', name],
    ['Version', version],
    ['Architecture', 'all'],
    ['Maintainer', 'Test <test@example.org>'],
    ['Replaces', spec.replaces],
    ...Object.entries(spec.fields ?? {}),
    ['Description', `package ${name}\n with more text`],
  ]);
  const seed = sha256(Buffer.concat([Buffer.from(fields.toString()), manifestBytes]));
  const pin = {
    name,
    version,
    architecture: 'all',
    core: { key: encodeCoreKey(Buffer.from(seed, 'hex')), byteLength: 1234 },
    tag: seed.slice(0, 40) as Oid,
    tree: seed,
    signer: seed.slice(0, 40).toUpperCase() as Fingerprint,
  };
  return markVerified({
    pin,
    control: controlFrom(fields, name),
    manifest,
    manifestBytes,
    conffiles: conffiles.map((path) => pathFromText(path)),
    goneConffiles: gone.map((path) => pathFromText(path)),
    scripts: new Map(Object.entries(scripts).map(([script, text]) => [script, Buffer.from(text)])),
    async extract(plain) {
      const sink = spec.tamper === undefined ? plain : await spec.tamper(plain);
      for (const entry of manifest) {
        const bytes = entries.get(entry.path)?.bytes ?? Buffer.alloc(0);
        // as package-repo does: small files whole, large ones in pieces
        if (entry.type === 'f') await sink.file(entry, bytes.length <= 1000 ? [bytes] : chunked(bytes));
        else await sink.entry(entry);
      }
      if (spec.failAfter !== undefined) throw spec.failAfter;
    },
  });
}

async function* chunked(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65536)
    yield await Promise.resolve(bytes.subarray(at, at + 65536));
}

export function install(spec: PackageSpec, auto = false): TransactionStep {
  return { kind: 'install', release: release(spec), auto, source: 'test', suite: 'stable' };
}
export function remove(name: string, purge = false): TransactionStep {
  return { kind: 'remove', name, purge };
}

// In memory where there is such a thing: the tests make some ten thousand small files.
const FAST = fs.existsSync('/dev/shm') && fs.statSync('/dev/shm').isDirectory() ? '/dev/shm' : tmpdir();

interface Cleaner {
  after(fn: () => void): void;
}

/** A new directory that goes with the test. */
export function tempDir(t: Cleaner, where: 'memory' | 'disk' = 'memory'): string {
  let base = where === 'memory' ? FAST : tmpdir();
  try {
    fs.accessSync(base, fs.constants.W_OK);
  } catch {
    base = tmpdir();
  }
  const dir = fs.mkdtempSync(join(base, 'gtpkg-installer-'));
  t.after(() => {
    try {
      fs.rmSync(dir, { recursive: true, force: true });
    } catch {
      // a test mounted a file system on it, which is let go only after this
      spawnSync('umount', ['-l', dir]);
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
  return dir;
}

export const NOW = new Date('2026-01-02T03:04:05Z');

/** Opens the root exclusive, not durable: most tests are about the order of things, not about power cuts. */
export function open(dir: string, options: Partial<OpenRootOptions> = {}): Promise<OpenRoot> {
  return openRoot(dir, { lock: 'exclusive', create: true, durable: false, report: silent, ...options });
}

/** One transaction in a root of its own opening. */
export async function run(
  dir: string,
  steps: readonly TransactionStep[],
  options: Partial<OpenRootOptions> & Partial<TransactionRequest> = {},
): Promise<TransactionResult> {
  const root = await open(dir, options);
  try {
    const { command = 'test', conffilePolicy, scripts, report = silent, now = NOW } = options;
    return await runTransaction(root, {
      steps,
      command,
      now,
      indexCommits: { test: 'c0ffee' },
      report,
      scripts,
      ...(conffilePolicy === undefined ? {} : { conffilePolicy }),
    });
  } finally {
    root.close();
  }
}

const STATE = 'var/lib/gtpkg';

function describe(full: Buffer): string {
  const stats = fs.lstatSync(full);
  const mode = (stats.mode & 0o7777).toString(8);
  const owner = `${stats.uid}:${stats.gid}`;
  if (stats.isSymbolicLink()) return `link ${fs.readlinkSync(full, 'latin1')}`;
  if (stats.isDirectory()) return `dir ${mode} ${owner}`;
  if (stats.isFile())
    return `file ${mode} ${owner} ${stats.nlink} ${stats.mtimeMs / 1000} ${sha256(fs.readFileSync(full))}`;
  return `node ${stats.mode.toString(8)} ${stats.rdev}`;
}

/** Every path of a root but gtpkg's state and its own ancestors: path → what it is. */
export function picture(dir: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string): void => {
    const full = Buffer.from(`${Buffer.from(dir).toString('latin1')}/${path}`, 'latin1');
    for (const name of fs.readdirSync(full, 'latin1').sort()) {
      const at = path === '' ? name : `${path}/${name}`;
      if (at === STATE) continue;
      const what = describe(Buffer.from(`${Buffer.from(dir).toString('latin1')}/${at}`, 'latin1'));
      if (!`${STATE}/`.startsWith(`${at}/`)) found.set(at, what);
      if (what.startsWith('dir')) walk(at);
    }
  };
  walk('');
  return new Map([...found].sort(([a], [b]) => compareBytes(a, b)));
}

/** The root with its status, manifests and scripts; fails when anything unfinished lies about. */
export function wholeState(dir: string): Record<string, string> {
  const state = join(dir, STATE);
  const all: Record<string, string> = Object.fromEntries(picture(dir));
  if (!fs.existsSync(join(state, 'format'))) return { ...all, STATUS: '# packages: 0\n', HISTORY: '' };
  for (const name of fs.readdirSync(state)) {
    if (!['format', 'status', 'manifests', 'scripts', 'history', 'staging', 'log', 'outcomes'].includes(name))
      all[`LEFT ${name}`] = 'here';
  }
  for (const name of fs.readdirSync(join(state, 'staging'))) all[`LEFT staging/${name}`] = 'here';
  for (const name of fs.readdirSync(dir)) if (name.startsWith('.gtpkg')) all[`LEFT ${name}`] = 'here';
  const status = join(state, 'status');
  all['STATUS'] = fs.existsSync(status) ? fs.readFileSync(status, 'utf8') : '# packages: 0\n';
  for (const name of fs.readdirSync(join(state, 'manifests')))
    all[`MANIFEST ${name}`] = sha256(fs.readFileSync(join(state, 'manifests', name)));
  for (const name of fs.readdirSync(join(state, 'scripts')))
    all[`SCRIPTS ${name}`] = fs.readdirSync(join(state, 'scripts', name)).join(' ');
  all['HISTORY'] = fs.readdirSync(join(state, 'history')).sort().join(' ');
  return all;
}

/** A copy of a tree with modes, times, links and hard links. */
export function copyTree(from: string, to: string): void {
  const inodes = new Map<number, string>();
  const copy = (source: string, target: string): void => {
    const stats = fs.lstatSync(source);
    const other = inodes.get(stats.ino);
    if (stats.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), target);
    else if (stats.isDirectory()) {
      fs.mkdirSync(target, { recursive: true });
      for (const name of fs.readdirSync(source)) copy(join(source, name), join(target, name));
    } else if (other !== undefined) fs.linkSync(other, target);
    else fs.copyFileSync(source, target);
    if (stats.nlink > 1) inodes.set(stats.ino, target);
    if (!stats.isSymbolicLink()) fs.chmodSync(target, stats.mode & 0o7777);
    fs.lutimesSync(target, stats.atimeMs / 1000, stats.mtimeMs / 1000);
  };
  copy(from, to);
}

/** For assert.rejects: a GtpkgError of that code. */
export function coded(code: ErrorCode, pattern?: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof GtpkgError)) throw error;
    if (error.code !== code)
      throw new Error(`expected ${code}, got ${error.code}: ${error.message}`, { cause: error });
    if (pattern !== undefined && !pattern.test(error.message))
      throw new Error(`unexpected message: ${error.message}`);
    return true;
  };
}

/** Collects what is reported. */
export function listener(): { report: Report; texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    report: (event) => {
      if (event.kind === 'note' || event.kind === 'warning') texts.push(event.text);
    },
  };
}

export const write = (dir: string, path: string, text: string): void => {
  fs.mkdirSync(join(dir, path, '..'), { recursive: true });
  fs.writeFileSync(join(dir, path), text);
};
export const read = (dir: string, path: string): string => fs.readFileSync(join(dir, path), 'utf8');
export const exists = (dir: string, path: string): boolean =>
  fs.lstatSync(join(dir, path), { throwIfNoEntry: false }) !== undefined;
export const random = (length: number): Buffer => randomBytes(length);
