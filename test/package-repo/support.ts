/** Helpers of the package-repo tests: hand-made archives, real .debs, keys, published releases, plain git and gpg as judges. */
import { execFileSync, spawnSync } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, symlink, utimes, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  commitRelease,
  fileSource,
  readDeb,
  signRelease,
  writeImage,
  type CommittedRelease,
  type PackageInput,
} from '../../package-repo/index.js';
import type {
  ByteSource,
  CoreKey,
  Fingerprint,
  ManifestEntry,
  Oid,
  PayloadSink,
  ReleaseHead,
  ReleasePin,
} from '../../model/index.js';
import { generateKey, KeyStore, PublicKey, type Signer } from '../../trust/index.js';

/** False, or why a test that needs these tools is skipped. */
export function lacks(...tools: string[]): string | false {
  const missing = tools.find(
    (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  return missing === undefined ? false : `${missing} is not here`;
}

/** Runs `work` with a private folder that is removed afterwards. */
export async function inTemp<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'gtpkg-test-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs a tool without this machine's configuration; standard output. */
export function run(cwd: string, tool: string, args: string[], env: Record<string, string> = {}): string {
  const clean = {
    PATH: process.env['PATH'],
    HOME: cwd,
    GIT_CONFIG_NOSYSTEM: '1',
    LC_ALL: 'C',
    TZ: 'UTC',
    ...env,
  };
  return execFileSync(tool, args, {
    cwd,
    env: clean,
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
}

export async function concat(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A control paragraph. */
export function control(
  fields: Partial<Record<'Package' | 'Version' | 'Architecture' | 'Maintainer', string>> = {},
): string {
  const all = {
    Package: 'sample',
    Version: '1:2.0~rc1-1',
    Architecture: 'amd64',
    Maintainer: 'Ada Example <ada@example.org>',
    ...fields,
  };
  const text = Object.entries(all).map(([name, value]) => `${name}: ${value}\n`);
  return `${text.join('')}Description: a sample\n with a long text\n`;
}

/** An ar archive. */
export function ar(members: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const [name, body] of members) {
    const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(body.length).padEnd(10)}\`\n`;
    parts.push(Buffer.from(head, 'latin1'), body, Buffer.alloc(body.length % 2, '\n'));
  }
  return Buffer.concat(parts);
}

/** A tar member by hand, honest or not. Strings are bytes. */
export interface RawMember {
  readonly name: string;
  readonly type?: string;
  readonly body?: string | Buffer;
  /** stated size, when it is to differ from the body's */
  readonly size?: number;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly uname?: string;
  readonly mtime?: number;
  readonly magic?: string;
  readonly device?: readonly [number, number];
}

/** One member: header, body, padding. */
export function tarMember(member: RawMember): Buffer {
  const body = Buffer.isBuffer(member.body) ? member.body : Buffer.from(member.body ?? '', 'latin1');
  const head = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number): void =>
    void head.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  head.write(member.name, 0, 100, 'latin1');
  octal(member.mode ?? 0o644, 100, 8);
  octal(member.uid ?? 0, 108, 8);
  octal(0, 116, 8);
  octal(member.size ?? body.length, 124, 12);
  octal(member.mtime ?? 1_600_000_000, 136, 12);
  head.write(member.type ?? '0', 156, 'latin1');
  head.write(member.link ?? '', 157, 100, 'latin1');
  head.write(member.magic ?? 'ustar  \0', 257, 'latin1');
  head.write(member.uname ?? 'root', 265, 'latin1');
  head.write('root', 297, 'latin1');
  octal(member.device?.[0] ?? 0, 329, 8);
  octal(member.device?.[1] ?? 0, 337, 8);
  head.write('        ', 148, 'latin1');
  head.write(
    `${head
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A tar archive. */
export function tar(members: readonly RawMember[], end = Buffer.alloc(1024)): Buffer {
  return Buffer.concat([...members.map(tarMember), end]);
}

/** A pax extended header. */
export function pax(records: Record<string, string>): RawMember {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length;
    while (String(length).length + rest.length !== length) length++;
    return `${length}${rest}`;
  });
  return { name: 'pax', type: 'x', body: text.join('') };
}

export interface DebParts {
  readonly control?: string;
  readonly info?: readonly RawMember[];
  readonly data: readonly RawMember[] | Buffer;
}

/** A .deb by hand, uncompressed. */
export function deb({ control: text = control(), info = [], data }: DebParts): Buffer {
  return ar([
    ['debian-binary', Buffer.from('2.0\n')],
    [
      'control.tar',
      tar([{ name: './', type: '5', mode: 0o755 }, { name: './control', body: text }, ...info]),
    ],
    ['data.tar', Buffer.isBuffer(data) ? data : tar(data as readonly RawMember[])],
  ]);
}

/** Reads a hand-made .deb, hands it on, closes it. */
export async function withDeb<T>(bytes: Buffer, work: (input: PackageInput) => Promise<T> | T): Promise<T> {
  return inTemp(async (dir) => {
    await writeFile(join(dir, 'x.deb'), bytes);
    const input = await readDeb(join(dir, 'x.deb'));
    try {
      return await work(input);
    } finally {
      await input.close();
    }
  });
}

/** The paths of a package with everything that git loses or refuses. Names are bytes. */
export async function makeTree(root: string): Promise<void> {
  const at = (name: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
  for (const directory of [
    'usr',
    'usr/bin',
    'usr/share',
    'usr/share/empty',
    'etc',
    'lib',
    'lib/systemd',
    'sticky',
    `usr/share/${'d'.repeat(90)}`,
  ]) {
    await mkdir(at(directory), { recursive: true });
  }
  const file = async (name: string, body: string | Buffer, mode = 0o644): Promise<void> => {
    await writeFile(at(name), body);
    await chmod(at(name), mode);
    await utimes(at(name), 1_500_000_000, 1_500_000_000 + name.length);
  };
  await file('usr/bin/sudo', Buffer.alloc(300_000, 'sudo '), 0o4755);
  await file('usr/bin/tool', '#!/bin/sh\n', 0o755);
  await file('usr/bin/empty', '', 0o600);
  await file('etc/sample.conf', 'key = value\n');
  await file('lib/systemd/system-systemd\\x2dcryptsetup.slice', '[Slice]\n');
  await file('usr/share/caf\xe9', 'latin1 name');
  await file('usr/share/\xc3\xa0 la carte', 'utf-8 name with a space');
  await file('usr/share/.gitignore', '*\n');
  await file('usr/share/100%', 'percent');
  await file(`usr/share/${'d'.repeat(90)}/${'n'.repeat(200)}`, 'long name');
  await link(at('usr/bin/tool'), at('usr/bin/a-tool'));
  await link(at('usr/bin/tool'), at('usr/bin/z-tool'));
  await symlink('tool', at('usr/bin/link'));
  await symlink(Buffer.from('/nowhere/caf\xe9 \\x', 'latin1'), at('usr/share/dangling'));
  await symlink('.git', at('usr/share/to-git'));
  await chmod(at('sticky'), 0o1777);
  await chmod(at('usr/share/empty'), 0o2750);
}

/** A directory that dpkg-deb -b takes, with conffiles and scripts. */
export async function makeDebTree(root: string, text = control()): Promise<void> {
  await makeTree(root);
  await mkdir(`${root}/DEBIAN`);
  await writeFile(`${root}/DEBIAN/control`, text);
  await writeFile(`${root}/DEBIAN/conffiles`, '/etc/sample.conf\n');
  await writeFile(`${root}/DEBIAN/triggers`, 'activate-noawait ldconfig\n');
  for (const name of ['postinst', 'prerm'])
    await writeFile(`${root}/DEBIAN/${name}`, `#!/bin/sh\n# ${name}\n`, { mode: 0o755 });
}

/** A key pair and what the rooms make of it. */
export interface TestKey {
  readonly fingerprint: Fingerprint;
  readonly publicKey: PublicKey;
  readonly armored: string;
  readonly signer: Signer;
}

export async function makeKey(dir: string, name = 'Ada Example'): Promise<TestKey> {
  const made = await generateKey({ name, email: 'ada@example.org' });
  const store = new KeyStore(await mkdtemp(join(dir, 'keys-')));
  await store.import(made.privateKey);
  const signer = await store.signer(made.fingerprint, () => Promise.resolve(undefined));
  return {
    fingerprint: made.fingerprint,
    publicKey: await PublicKey.parse(made.publicKey),
    armored: made.publicKey,
    signer,
  };
}

/** A release that was committed, signed and written to an image. */
export interface Published extends CommittedRelease {
  readonly repo: string;
  readonly image: string;
  readonly tag: Oid;
  readonly pin: ReleasePin;
}

/** Commits, signs and writes `input` into `<dir>/<name>.git` and `<dir>/<name>.img`. */
export async function publish(dir: string, input: PackageInput, key: TestKey): Promise<Published> {
  const repo = join(dir, `${input.control.name}.git`);
  const image = join(dir, `${input.control.name}.img`);
  const done = await commitRelease(repo, input);
  const { tag } = await signRelease(repo, done.id, key.signer);
  const { byteLength } = await writeImage(repo, done.id, image, { level: 3 });
  return {
    ...done,
    repo,
    image,
    tag,
    pin: {
      ...done.id,
      core: { key: 'k' as CoreKey, byteLength },
      tag,
      tree: done.tree,
      signer: key.fingerprint,
    },
  };
}

/** Bytes as a source, given out in chunks of an odd size. */
export function bytesSource(bytes: Uint8Array, chunk = 1000): ByteSource {
  return {
    byteLength: bytes.length,
    read: async function* (offset, length) {
      for (let at = offset; at < offset + length; at += chunk)
        yield bytes.subarray(at, Math.min(at + chunk, offset + length));
    },
  };
}

export { fileSource };

/** Keeps everything that extract() gives. */
export class MemorySink implements PayloadSink {
  readonly order: string[] = [];
  readonly files = new Map<string, Buffer>();

  entry(entry: ManifestEntry): void {
    this.order.push(entry.path);
  }

  async file(entry: ManifestEntry, chunks: AsyncIterable<Uint8Array> | readonly Uint8Array[]): Promise<void> {
    this.order.push(entry.path);
    this.files.set(entry.path, await concat(chunks));
  }
}

/** extract() into memory. */
export async function extract(release: ReleaseHead): Promise<MemorySink> {
  const sink = new MemorySink();
  await release.extract(sink);
  return sink;
}
