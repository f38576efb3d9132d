/**
 * Builds a release part by part, so that one part can lie while everything around it fits: what somebody can sign who holds an accepted key.
 */
import { createHash } from 'node:crypto';
import {
  encodeCommit,
  encodeTag,
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
  type ReleasePin,
  type ScriptName,
  type Sha256,
} from '../../model/index.js';
import { compress } from '../../package-repo/index.js';
import { encodeHeader, type SectionName } from '../../package-repo/image-format.js';
import { buildRoot, type ReleaseFiles } from '../../package-repo/release.js';
import { buildDataTree } from '../../package-repo/trees.js';
import type { Signer } from '../../trust/index.js';
import { concat, control } from './support.js';

const ID = { name: 'sample', version: '1:2.0~rc1-1', architecture: 'amd64' };
const WHO = { name: 'Ada', email: 'ada@example.org', time: 1_700_000_000 };

/** What may be replaced on the way; each gets the honest value. */
export interface Lies {
  /** contents by path; the honest manifest follows from them */
  readonly contents?: Record<string, string | Buffer>;
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
  /** the pack itself */
  readonly pack?: (honest: Buffer) => Buffer;
  readonly claim?: (honest: Buffer) => Buffer;
  readonly payload?: (honest: Buffer) => Buffer;
  /** the length before compression that the header states for the payload */
  readonly payloadLength?: (honest: number) => number;
  readonly rootTree?: (honest: Buffer) => Buffer;
  /** pinned tree id; default: the one in the honest tag */
  readonly pinTree?: Sha256;
}

const bytesOf = (body: string | Buffer): Buffer => (typeof body === 'string' ? Buffer.from(body) : body);

/** A file's line in the manifest. */
export function entryOf(path: string, body: string | Buffer): ManifestEntry {
  return {
    type: 'f',
    mode: 0o644,
    owner: ROOT_OWNER,
    group: ROOT_OWNER,
    size: body.length,
    mtime: 5,
    sha256: hashBlob(bytesOf(body)).sha256,
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

/** The release `sample` 1:2.0~rc1-1 for amd64 as `signer` signs it; `pack` stands for the packed git objects. */
export async function forge(signer: Signer, lies: Lies = {}): Promise<{ image: Buffer; pin: ReleasePin }> {
  const contents: Record<string, string | Buffer> = lies.contents ?? { a: 'hello', b: 'world' };
  const honest: Manifest = Object.entries(contents).map(([path, body]) => entryOf(path, body));
  const entries = lies.entries?.(honest) ?? honest;
  const digests = (entry: ManifestEntry): BlobDigests => hashBlob(bytesOf(contents[entry.path] ?? ''));
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
  const tag = lies.unsigned === true ? payload : signTag(payload, await signer.sign(payload));
  const made: GitObject[] = [
    { type: 'tag', body: tag },
    { type: 'commit', body: commit },
    { type: 'tree', body: rootBody },
    ...rest,
  ];
  const objects = lies.objects?.(made) ?? made;
  const whole = Buffer.concat(
    entries.filter(({ type }) => type === 'f').map((entry) => bytesOf(contents[entry.path] ?? '')),
  );
  const claim = Buffer.from(data?.oid256 ?? '', 'hex');
  const pack = await concat(
    writePack(
      objects.map(({ type, body }) => ({ type, size: body.length, content: () => body })),
      { level: 0 },
    ),
  );
  const parts = {
    git: await section(lies.pack?.(pack) ?? pack, 3),
    tree256: await section(lies.claim?.(claim) ?? claim),
    payload: await section(lies.payload?.(whole) ?? whole, 3),
  };
  const stated = lies.payloadLength?.(whole.length);
  if (stated !== undefined) parts.payload.row.rawLength = stated;
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
    signer: signer.fingerprint,
  };
  return { image, pin };
}
