/**
 * Releases that an accepted signer really signed, and that are wrong all the same: each is built here part by part, so that one part
 * can lie while everything around it fits.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import {
  encodeCommit,
  encodeTag,
  encodeTree,
  hashBlob,
  hashObject,
  signTag,
  writePack,
  type BlobDigests,
  type GitObject,
  type TagFields,
} from '../../git/index.js';
import {
  formatManifest,
  ROOT_OWNER,
  type BytePath,
  type CoreKey,
  type Manifest,
  type ManifestEntry,
  type Oid,
  type ReleasePin,
  type ScriptName,
  type Sha256,
} from '../../model/index.js';
import { compress, verifyRelease } from '../../package-repo/index.js';
import { encodeHeader, type SectionName } from '../../package-repo/image-format.js';
import { buildRoot, type ReleaseFiles } from '../../package-repo/release.js';
import { buildDataTree } from '../../package-repo/trees.js';
import { bytesSource, concat, control, extract, makeKey, type TestKey } from './support.js';

let dir: string;
let key: TestKey;
before(async () => {
  dir = await mkdtemp(`${tmpdir()}/gtpkg-test-`);
  key = await makeKey(dir);
});
after(() => rm(dir, { recursive: true, force: true }));

const ID = { name: 'sample', version: '1:2.0~rc1-1', architecture: 'amd64' };
const WHO = { name: 'Ada', email: 'ada@example.org', time: 1_700_000_000 };

/** What may be replaced on the way; each gets the honest value. */
interface Lies {
  /** contents by path; the honest manifest follows from them */
  readonly contents?: Record<string, string>;
  /** the manifest that is written, while the trees stay those of the honest one */
  readonly manifest?: (honest: Manifest) => Manifest;
  /** the manifest from which trees and payload are made */
  readonly entries?: (honest: Manifest) => Manifest;
  readonly files?: (honest: ReleaseFiles) => ReleaseFiles;
  readonly tag?: (honest: TagFields) => TagFields;
  readonly unsigned?: boolean;
  readonly commitMessage?: string;
  /** objects of the pack, in order: tag, commit, root tree, … */
  readonly objects?: (honest: GitObject[]) => GitObject[];
  readonly claim?: (honest: Buffer) => Buffer;
  readonly payload?: (honest: Buffer) => Buffer;
  readonly rootTree?: (honest: Buffer) => Buffer;
  /** pinned tree id; default: the one in the honest tag */
  readonly pinTree?: Sha256;
}

function entryOf(path: string, body: string): ManifestEntry {
  return {
    type: 'f',
    mode: 0o644,
    owner: ROOT_OWNER,
    group: ROOT_OWNER,
    size: body.length,
    mtime: 5,
    sha256: hashBlob(Buffer.from(body)).sha256,
    path: path as BytePath,
  };
}

async function section(
  raw: Buffer,
  level?: number,
): Promise<{ bytes: Buffer; row: { length: number; rawLength: number; sha256: Sha256 } }> {
  const bytes = level === undefined ? raw : await concat(compress([raw], { level }));
  return {
    bytes,
    row: {
      length: bytes.length,
      rawLength: raw.length,
      sha256: createHash('sha256').update(bytes).digest('hex') as Sha256,
    },
  };
}

async function forge(lies: Lies = {}): Promise<{ image: Buffer; pin: ReleasePin }> {
  const contents = lies.contents ?? { a: 'hello', b: 'world' };
  const honest: Manifest = Object.entries(contents).map(([path, body]) => entryOf(path, body));
  const entries = lies.entries?.(honest) ?? honest;
  const digests = (entry: ManifestEntry): BlobDigests => hashBlob(Buffer.from(contents[entry.path] ?? ''));
  const data = buildDataTree(entries, digests);
  const files: ReleaseFiles = {
    control: Buffer.from(control()),
    manifest: formatManifest(lies.manifest?.(honest) ?? entries),
    scripts: new Map<ScriptName, Buffer>(),
  };
  const root = buildRoot(lies.files?.(files) ?? files, data);
  const [tree, ...rest] = root.objects as [GitObject, ...GitObject[]];
  const rootBody = lies.rootTree?.(tree.body) ?? tree.body;
  const commit = encodeCommit({
    tree: hashObject('tree', rootBody),
    parents: [],
    author: WHO,
    committer: WHO,
    message: lies.commitMessage ?? 'sample 1:2.0~rc1-1 (amd64)\n',
  });
  const fields: TagFields = {
    object: hashObject('commit', commit),
    type: 'commit',
    tag: '1%2.0_rc1-1/amd64',
    tagger: WHO,
    message: `sample 1:2.0~rc1-1 (amd64)\n\nFormat: gtpkg-release 1\nPackage: sample\nVersion: 1:2.0~rc1-1\nArchitecture: amd64\nTree-SHA256: ${root.oid256}\n`,
  };
  const payload = encodeTag(lies.tag?.(fields) ?? fields);
  const tag = lies.unsigned === true ? payload : signTag(payload, await key.signer.sign(payload));
  const made: GitObject[] = [
    { type: 'tag', body: tag },
    { type: 'commit', body: commit },
    { type: 'tree', body: rootBody },
    ...rest,
  ];
  const objects = lies.objects?.(made) ?? made;
  const whole = Buffer.concat(
    entries.filter(({ type }) => type === 'f').map((entry) => Buffer.from(contents[entry.path] ?? '')),
  );
  const claim = Buffer.from(data?.oid256 ?? '', 'hex');
  const parts = {
    git: await section(
      await concat(
        writePack(
          objects.map(({ type, body }) => ({ type, size: body.length, content: () => body })),
          { level: 0 },
        ),
      ),
      3,
    ),
    tree256: await section(lies.claim?.(claim) ?? claim),
    payload: await section(lies.payload?.(whole) ?? whole, 3),
  };
  const rows = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.row])) as Record<
    SectionName,
    { length: number; rawLength: number; sha256: Sha256 }
  >;
  const image = Buffer.concat([
    encodeHeader(rows),
    parts.git.bytes,
    parts.tree256.bytes,
    parts.payload.bytes,
  ]);
  const pin: ReleasePin = {
    ...ID,
    core: { key: 'k' as CoreKey, byteLength: image.length },
    tag: hashObject('tag', tag),
    tree: lies.pinTree ?? root.oid256,
    signer: key.fingerprint,
  };
  return { image, pin };
}

async function open(lies: Lies): Promise<void> {
  const { image, pin } = await forge(lies);
  await extract(
    await verifyRelease({ source: bytesSource(image), pin, keys: [key.publicKey], now: new Date() }),
  );
}

const refuse = (name: string, code: string | RegExp, lies: Lies): Promise<void> =>
  test(name, () =>
    assert.rejects(
      open(lies),
      (error: { code: string }) =>
        (typeof code === 'string' ? error.code === code : code.test(error.code)) ||
        assert.fail(String((error as Error & { code: string }).stack)),
    ),
  );

void test('the forge makes a release that is accepted when nobody lies', () => open({}));

// Tag
void refuse('attack: unsigned tag', 'SIGNATURE_MISSING', { unsigned: true });
void refuse('attack: tag transplanted from another package', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, message: t.message.replaceAll('sample', 'other') }),
});
void refuse('attack: tag of another version', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, message: t.message.replaceAll('1:2.0~rc1-1', '1:1.0') }),
});
void refuse('attack: tag of another architecture', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, message: t.message.replaceAll('amd64', 'arm64') }),
});
void refuse('attack: tag with another tree', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, message: t.message.replace(/[0-9a-f]{64}/, 'a'.repeat(64)) }),
});
void refuse('attack: signed tag moved to another ref name', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, tag: '1.0/amd64' }),
});
void refuse('attack: tag on a tree instead of a commit', 'RELEASE_MALFORMED', {
  tag: (t) => ({ ...t, type: 'tree' }),
});
void refuse('attack: tag whose object is not there', 'RELEASE_MALFORMED', {
  tag: (t) => ({ ...t, object: 'a'.repeat(40) as Oid }),
});
for (const [name, change] of Object.entries({
  'another format': (m: string) => m.replace('gtpkg-release 1', 'gtpkg-release 2'),
  'one more field': (m: string) => `${m}Extra: x\n`,
  'fields in another order': (m: string) => m.replace(/(Package: .*\n)(Version: .*\n)/, '$2$1'),
  'no fields': () => 'sample 1:2.0~rc1-1 (amd64)\n',
  'another first line': (m: string) => `x${m}`,
})) {
  void refuse(`tag message with ${name}`, 'RELEASE_MALFORMED', {
    tag: (t) => ({ ...t, message: change(t.message) }),
  });
}
void refuse('commit of another release', 'RELEASE_MISMATCH', { commitMessage: 'sample 1.0 (amd64)\n' });
void refuse('wrong software: control of another package', 'RELEASE_MISMATCH', {
  files: (f) => ({ ...f, control: Buffer.from(control({ Package: 'other' })) }),
});
void refuse('control of nonsense is broken trust, not a typing error', 'RELEASE_MALFORMED', {
  files: (f) => ({ ...f, control: Buffer.from('nonsense') }),
});

// Pack
const extra: GitObject = { type: 'blob', body: Buffer.from('smuggled') };
void refuse('extraneous object', 'RELEASE_MALFORMED', { objects: (o) => [...o, extra] });
void refuse('the tag does not come first', 'RELEASE_MISMATCH', {
  objects: ([tag, ...o]) => [...o, tag as GitObject],
});
void refuse('objects in another order', 'RELEASE_MALFORMED', {
  objects: ([tag, commit, ...o]) => [tag as GitObject, commit as GitObject, ...o.reverse()],
});
void refuse('the pack holds only the tag', 'RELEASE_MALFORMED', { objects: ([tag]) => [tag as GitObject] });
void refuse('an empty pack', 'SIGNATURE_MISSING', { objects: () => [] });
for (let i = 1; i < 5; i++)
  void refuse(`object ${i} of the pack is missing`, 'RELEASE_MALFORMED', {
    objects: (o) => o.filter((_, at) => at !== i),
  });
for (let i = 0; i < 5; i++) {
  void refuse(`object ${i} of the pack has other bytes`, /^RELEASE_(MISMATCH|MALFORMED)$/, {
    objects: (o) =>
      o.map((object, at) =>
        at === i ? { ...object, body: Buffer.concat([object.body, Buffer.from('x')]) } : object,
      ),
  });
}

// Trees
void refuse('a file beside data/ that no release has', 'RELEASE_MALFORMED', {
  rootTree: (body) => Buffer.concat([body, Buffer.from('100644 zzz\0'), Buffer.alloc(20, 1)]),
});
void refuse('a manifest with the wrong mode in the root tree', 'RELEASE_MALFORMED', {
  rootTree: (body) =>
    Buffer.from(body.toString('latin1').replace('100644 manifest', '100755 manifest'), 'latin1'),
});
void refuse('an empty root tree', 'RELEASE_MALFORMED', { rootTree: () => encodeTree([]) });

// Manifest against tree: known at the latest when the contents have come, and before anything is placed
void refuse('the manifest names a file that the tree lacks', 'RELEASE_MALFORMED', {
  manifest: (m) => [...m, entryOf('c', '!')],
});
void refuse('the tree holds a file that the manifest lacks', 'RELEASE_MALFORMED', {
  manifest: (m) => m.slice(0, 1),
});
void refuse('the manifest makes a file executable', 'PAYLOAD_CORRUPT', {
  manifest: (m) => m.map((e) => ({ ...e, mode: 0o755 })),
});
void refuse('the manifest makes a file a symlink', 'RELEASE_MALFORMED', {
  manifest: ([a, ...m]) => [
    { ...(a as ManifestEntry), type: 'l', size: 0, sha256: undefined as never, link: 'x' },
    ...m,
  ],
});
void refuse('a symlink with another target than in the tree', 'PAYLOAD_CORRUPT', {
  entries: ([a, ...m]) => [
    { ...(a as ManifestEntry), type: 'l', size: 0, sha256: undefined as never, link: 'x' },
    ...m,
  ],
  manifest: ([a, ...m]) => [
    { ...(a as ManifestEntry), type: 'l', size: 0, sha256: undefined as never, link: 'y' },
    ...m,
  ],
});
void refuse('a hard link whose contents differ in the tree', 'RELEASE_MALFORMED', {
  manifest: ([a, b]) => [
    a as ManifestEntry,
    { ...(b as ManifestEntry), type: 'h', size: 0, sha256: undefined as never, link: 'a' },
  ],
});
void refuse('the manifest states a size that the payload lacks', 'RELEASE_MALFORMED', {
  manifest: ([a, b]) => [{ ...(a as ManifestEntry), size: 5000 }, b as ManifestEntry],
});
void refuse('endless data: the manifest states a terabyte', 'RELEASE_MALFORMED', {
  manifest: ([a, b]) => [{ ...(a as ManifestEntry), size: 2 ** 40 }, b as ManifestEntry],
});
void refuse('a manifest out of order', 'MANIFEST_MALFORMED', {
  files: (f) => ({
    ...f,
    manifest: Buffer.from(f.manifest.toString('latin1').replace(/(.* a\n)(.* b\n)/, '$2$1'), 'latin1'),
  }),
});
void refuse('a manifest with a path outside', 'MANIFEST_MALFORMED', {
  files: (f) => ({
    ...f,
    manifest: Buffer.from(f.manifest.toString('latin1').replace(/ a\n/, ' ../a\n'), 'latin1'),
  }),
});
void refuse('a conffile that is no file of the package', 'RELEASE_MALFORMED', {
  files: (f) => ({ ...f, conffiles: Buffer.from('/etc/shadow\n') }),
});
void refuse('conffiles not in canonical form', 'RELEASE_MALFORMED', {
  files: (f) => ({ ...f, conffiles: Buffer.from('/a\n\n') }),
});
void refuse('a script of another name', 'RELEASE_MALFORMED', {
  files: (f) => ({ ...f, scripts: new Map([['evil' as ScriptName, Buffer.from('x')]]) }),
});

// Payload and claim
void refuse('a claim for another tree', 'RELEASE_MISMATCH', {
  claim: (c) => Buffer.from(c.map((byte) => byte ^ 1)),
});
void refuse('no claim', 'RELEASE_MALFORMED', { claim: () => Buffer.alloc(0) });
void refuse('the manifest has another SHA-256 than the tree and the payload', 'PAYLOAD_CORRUPT', {
  manifest: ([a, b]) => [{ ...(a as ManifestEntry), sha256: 'f'.repeat(64) as Sha256 }, b as ManifestEntry],
});
void refuse('the payload holds other contents', 'PAYLOAD_CORRUPT', {
  payload: () => Buffer.from('HELLOworld'),
});
void refuse('the payload has a file in place of another', 'PAYLOAD_CORRUPT', {
  payload: () => Buffer.from('worldhello'),
});
void refuse('the payload is longer', 'RELEASE_MALFORMED', {
  payload: (p) => Buffer.concat([p, Buffer.alloc(1)]),
});
void refuse('the payload is shorter', 'RELEASE_MALFORMED', { payload: (p) => p.subarray(0, -1) });
void refuse('the pin names another tree than the signed one', 'RELEASE_MISMATCH', {
  pinTree: 'b'.repeat(64) as Sha256,
});
