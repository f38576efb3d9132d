/**
 * Releases that an accepted signer really signed, and that are wrong all the same: each is built here part by part, so that one part
 * can lie while everything around it fits.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { encodeTree, type GitObject } from '../../git/index.js';
import { type ManifestEntry, type Oid, type ScriptName, type Sha256 } from '../../model/index.js';
import { verifyRelease } from '../../package-repo/index.js';
import { entryOf, forge, type Lies } from './forge.js';
import { bytesSource, control, extract, makeKey, type TestKey } from './support.js';

let dir: string;
let key: TestKey;
before(async () => {
  dir = await mkdtemp(`${tmpdir()}/gtpkg-test-`);
  key = await makeKey(dir);
});
after(() => rm(dir, { recursive: true, force: true }));

async function open(lies: Lies): Promise<void> {
  const { image, pin } = await forge(key.signer, lies);
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
void refuse('attack: tag with another tree', 'RELEASE_MISMATCH', {
  tag: (t) => ({ ...t, message: t.message.replace(/[0-9a-f]{64}/, 'a'.repeat(64)) }),
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
