/** A verified release's files as a plain tar archive, for people and tools that know nothing of gtpkg. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import {
  GtpkgError,
  pathToBytes,
  pathToText,
  type ManifestEntry,
  type VerifiedRelease,
} from '../../model/index.js';
import { systemFailure } from '../files.js';
import { paxHeader } from './pax-header.js';

const TYPES = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  h: 'link',
  c: 'character-device',
  b: 'block-device',
  p: 'fifo',
} as const;

// The library writes names as UTF-8; a name that is none would come out changed.
function text(path: string): string {
  const name = pathToBytes(path).toString('utf8');
  if (Buffer.from(name, 'utf8').toString('latin1') === path) return name;
  throw new GtpkgError(
    'RELEASE_MALFORMED',
    `${pathToText(path)} has a name that is not UTF-8 and cannot stand in this archive`,
    {
      hint: 'Install the release into an empty --root instead.',
    },
  );
}

function header(entry: ManifestEntry): Parameters<Pack['entry']>[0] {
  const { type, mode, owner, group, size, mtime, path, link } = entry;
  const [devmajor, devminor] = type === 'c' || type === 'b' ? (link ?? '').split(':').map(Number) : [];
  return {
    name: type === 'd' ? `${text(path)}/` : text(path),
    type: TYPES[type],
    mode,
    uid: owner.id,
    gid: group.id,
    uname: owner.name,
    gname: group.name,
    size: type === 'f' ? size : 0,
    mtime: new Date(mtime * 1000),
    ...(type === 'l' || type === 'h' ? { linkname: text(link ?? '') } : {}),
    ...(devmajor === undefined || devminor === undefined ? {} : { devmajor, devminor }),
  };
}

/** Names that fit into a tar header as they are. */
const SHORT = /^[\0-\x7f]{1,100}$/;

// GNU tar and star keep extended attributes in records of these names, and write % and = in them so.
const xattrKey = (name: string): string =>
  `SCHILY.xattr.${name.replace(/[%=]/g, (letter) => (letter === '%' ? '%25' : '%3D'))}`;

// A long name stands with the attributes: only one such header comes before a member. Second names of a file say nothing: attributes are the file's.
function fileHeader(pack: Pack, entry: ManifestEntry): Parameters<Pack['entry']>[0] {
  const plain = header(entry);
  if (entry.xattrs === undefined) return plain;
  const records = entry.xattrs.map(({ name, value }) => [xattrKey(name), Buffer.from(value, 'hex')] as const);
  pack.push(paxHeader([['path', pathToBytes(entry.path)], ...records]));
  return SHORT.test(plain.name) ? plain : { ...plain, name: 'PaxHeader' };
}

/**
 * Writes `file` whole or not at all; every byte is checked against the signed manifest on the way.
 * @throws GtpkgError PAYLOAD_CORRUPT, RELEASE_MALFORMED (a name that is not UTF-8), NO_SPACE, PERMISSION
 */
export async function writeTarball(release: VerifiedRelease, file: string): Promise<void> {
  const { default: tar } = await import('tar-stream');
  const pack: Pack = tar.pack();
  const draft = `${file}.${process.pid}.new`;
  const written = finished(pack.pipe(createWriteStream(draft)));
  written.catch(() => pack.destroy());
  try {
    await release.extract({
      // one after the other: what comes between two of them must find its place
      entry: (entry) =>
        new Promise((resolve, reject) => {
          pack.entry(header(entry), (error) => (error instanceof Error ? reject(error) : resolve()));
        }),
      file: async (entry, chunks) => pipeline(Readable.from(chunks), pack.entry(fileHeader(pack, entry))),
    });
    pack.finalize();
    await written;
    await rename(draft, file);
  } catch (error) {
    pack.destroy();
    await rm(draft, { force: true });
    throw systemFailure(error, file);
  }
}
