/**
 * Releases taken apart, changed and put together again, and entries that name them: what an attacker would list who got hold of an
 * index, or what a careless publisher might.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProgram, type Program } from '../../cli/demo/packages.js';
import { hashObject, parseTag, readPack, writePack, type GitObject } from '../../git/index.js';
import { entryFrom, type IndexEntry } from '../../index-repo/index.js';
import { limits, parseControl, type Control, type ReleasePin, type Sha256 } from '../../model/index.js';
import { encodeHeader, readHeader, type Section } from '../../package-repo/image-format.js';
import {
  commitRelease,
  compress,
  decompress,
  describeRelease,
  readDirectory,
  signRelease,
  writeImage,
} from '../../package-repo/index.js';
import type { Signer } from '../../trust/index.js';
import { commitAnyway, push, withDepot, type CommitWish, type IndexPlace } from './evil.js';

/** A release taken apart: what its pack holds, in order, and the payload; the tag stands first. */
export interface Parts {
  objects: GitObject[];
  claim: Buffer;
  payload: Buffer;
}

/** A release that can be listed. */
export interface Crafted {
  readonly image: Buffer;
  readonly control: Control;
  readonly pin: Omit<ReleasePin, 'core'>;
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** Builds and signs an honest release in a scratch folder. */
export async function craft(parent: string, program: Program, signer: Signer): Promise<Crafted> {
  const directory = await mkdtemp(`${parent}-program-`);
  try {
    return await craftFrom(parent, await writeProgram(directory, program), signer);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As craft, from a directory with `control` and `data/`. */
export async function craftFrom(parent: string, source: string, signer: Signer): Promise<Crafted> {
  const directory = await mkdtemp(`${parent}-craft-`);
  try {
    const repository = join(directory, 'release.git');
    const input = await readDirectory(source);
    const { id } = await commitRelease(repository, input);
    await input.close();
    await signRelease(repository, id, signer);
    const { control, tag } = await describeRelease(repository, id);
    if (tag === undefined) throw new Error('a signed release has no tag');
    const file = join(directory, 'image');
    await writeImage(repository, id, file, { level: 1 });
    const pin = { ...id, tag: tag.oid, tree: tag.tree, signer: signer.fingerprint };
    return { image: await readFile(file), control, pin };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Where the sections of an image are. */
export function sectionsOf(image: Buffer): ReturnType<typeof readHeader> {
  return readHeader({
    byteLength: image.length,
    read: async function* (offset, length) {
      yield image.subarray(offset, offset + length);
    },
  });
}

async function takeApart(image: Buffer): Promise<Parts> {
  const sections = await sectionsOf(image);
  const bytes = ({ offset, length }: Section): Buffer => image.subarray(offset, offset + length);
  const raw = ({ rawLength }: Section, packed: Buffer): Promise<Buffer> =>
    packed.length === 0 ? Promise.resolve(packed) : all(decompress([packed], { maxOutput: rawLength }));
  const pack = await raw(sections.git, bytes(sections.git));
  const objects: GitObject[] = [];
  const bounds = { maxObjects: 1000, maxObjectSize: limits.MAX_GIT_OBJECT, maxTotal: limits.MAX_GIT_SECTION };
  for await (const { type, body } of readPack(pack, bounds)) objects.push({ type, body });
  return {
    objects,
    claim: Buffer.from(bytes(sections.tree256)),
    payload: await raw(sections.payload, bytes(sections.payload)),
  };
}

async function putTogether({ objects, claim, payload }: Parts): Promise<Buffer> {
  const items = objects.map(({ type, body }) => ({ type, size: body.length, content: () => body }));
  const pack = await all(writePack(items, { level: 0 }));
  const packed = { git: await all(compress([pack], { level: 1 })), tree256: claim, payload };
  if (payload.length > 0) packed.payload = await all(compress([payload], { level: 1 }));
  const row = (bytes: Buffer, rawLength: number): Pick<Section, 'length' | 'rawLength' | 'sha256'> => ({
    length: bytes.length,
    rawLength,
    sha256: createHash('sha256').update(bytes).digest('hex') as Sha256,
  });
  const header = encodeHeader({
    git: row(packed.git, pack.length),
    tree256: row(claim, claim.length),
    payload: row(packed.payload, payload.length),
  });
  return Buffer.concat([header, packed.git, claim, packed.payload]);
}

/** The same release after `change` had its way with the parts; all that is around them is made to fit again. */
export async function tampered(crafted: Crafted, change: (parts: Parts) => void): Promise<Crafted> {
  const parts = await takeApart(crafted.image);
  change(parts);
  return { ...crafted, image: await putTogether(parts) };
}

/** As tampered, for the tag alone; the entry names the changed tag unless `keepPin`. */
export async function retagged(
  crafted: Crafted,
  change: (tag: Buffer) => Buffer,
  { keepPin = false } = {},
): Promise<Crafted> {
  let oid = crafted.pin.tag;
  const image = await tampered(crafted, ({ objects }) => {
    const body = change(Buffer.from(objects[0]?.body ?? ''));
    objects[0] = { type: 'tag', body };
    if (!keepPin) oid = hashObject('tag', body);
  });
  return { ...image, pin: { ...crafted.pin, tag: oid } };
}

/** A tag without its signature. */
export function withoutSignature(tag: Buffer): Buffer {
  return Buffer.from(parseTag(tag).payload);
}

/** The same bytes with one bit of one byte turned over. */
export function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The same image under another name, version or architecture: the entry lies, the release does not. */
export function disguised(
  crafted: Crafted,
  id: Partial<Pick<ReleasePin, 'name' | 'version' | 'architecture'>>,
): Crafted {
  const pin = { ...crafted.pin, ...id };
  const fields = crafted.control.fields.clone();
  fields.set('Package', pin.name).set('Version', pin.version).set('Architecture', pin.architecture);
  return { ...crafted, pin, control: parseControl(Buffer.from(fields.toString()), 'a lie') };
}

/** Holds the images in the home's store and lists them in its index, in one commit that `wish.signers` sign. */
export async function list(
  place: IndexPlace,
  crafted: readonly Crafted[],
  wish: Omit<CommitWish, 'entries'>,
): Promise<void> {
  const entries = await withDepot(place.home, async (depot) => {
    const out: IndexEntry[] = [];
    for (const { image, control, pin } of crafted)
      out.push(entryFrom(control, { ...pin, core: await depot.putStaticBytes(image) }));
    return out;
  });
  await commitAnyway(place, { ...wish, entries });
  await push(place);
}
