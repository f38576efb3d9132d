/**
 * Commits and tags: one canonical spelling, PGP-signed as git does it (gpgsig header; signature after a tag's message).
 *
 * Parsing is strict, so no byte of a signed object stands outside what was signed: fixed header order, times in UTC,
 * exactly one signature, nothing after it. encode(parse(x)) = x, with the signature put back.
 */
import { GtpkgError, limits, type Oid } from '../model/index.js';
import type { ObjectType } from './hash.js';

/** Who and when, always in UTC. */
export interface Person {
  readonly name: string;
  readonly email: string;
  /** seconds since 1970, not negative */
  readonly time: number;
}

export interface CommitFields {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly author: Person;
  readonly committer: Person;
  /** everything after the empty line, as it stands, with its final newline */
  readonly message: string;
}

export interface TagFields {
  readonly object: Oid;
  readonly type: ObjectType;
  /** the name the tag claims for itself */
  readonly tag: string;
  readonly tagger: Person;
  /** everything between the empty line and the signature, with its final newline */
  readonly message: string;
}

/** What parsing adds: the armoured signature if there is one, and the exact bytes that it covers. */
export interface Signed {
  readonly signature?: string;
  readonly payload: Buffer;
}

const BEGIN = '-----BEGIN PGP SIGNATURE-----\n';
const END = '\n-----END PGP SIGNATURE-----\n';

/** Name and e-mail made fit for git's header line: no `<`, `>`, line breaks, NUL or dangling punctuation. */
export function cleanPerson(name: string, email: string): { name: string; email: string } {
  // eslint-disable-next-line no-control-regex
  const clean = (text: string): string =>
    text
      .replace(/[\x00-\x1f\x7f<>]/g, ' ')
      .replace(/\s+/g, ' ')
      .replace(/^[\s.,:;"'\\]+|[\s.,:;"'\\]+$/g, '');
  return { name: clean(name) || 'unknown', email: clean(email).replace(/ /g, '') };
}

function formatPerson({ name, email, time }: Person): string {
  // eslint-disable-next-line no-control-regex
  if (
    name === '' ||
    name.trim() !== name ||
    /[\x00-\x1f<>]/.test(name) ||
    /[\x00-\x20<>]/.test(email) ||
    !Number.isSafeInteger(time) ||
    time < 0
  ) {
    throw new GtpkgError(
      'OBJECT_CORRUPT',
      `"${name.slice(0, 80)} <${email.slice(0, 80)}> ${time}" cannot stand in a git object`,
    );
  }
  return `${name} <${email}> ${time} +0000`;
}

function parsePerson(line: string, key: string): Person {
  const match = /^([^<>]+) <([^<>]*)> (0|[1-9]\d{0,14}) \+0000$/.exec(line.slice(key.length + 1));
  if (!line.startsWith(`${key} `) || match === null) throw corrupt(`the ${key} line is malformed`);
  return { name: match[1] ?? '', email: match[2] ?? '', time: Number(match[3]) };
}

/** The unsigned commit: these bytes are what a signature covers. @throws GtpkgError OBJECT_CORRUPT */
export function encodeCommit(fields: CommitFields): Buffer {
  const parents = fields.parents.map((oid) => `parent ${oid}\n`).join('');
  checkMessage(fields.message);
  return Buffer.from(
    `tree ${fields.tree}\n${parents}author ${formatPerson(fields.author)}\ncommitter ${formatPerson(fields.committer)}\n\n${fields.message}`,
    'utf8',
  );
}

/** Puts an armoured signature of `payload` into it as git's gpgsig header. @throws GtpkgError SIGNATURE_MALFORMED */
export function signCommit(payload: Uint8Array, armored: string): Buffer {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const cut = bytes.indexOf('\n\n');
  if (cut < 0) throw corrupt('a commit without an empty line');
  const header = `gpgsig ${canonicalArmor(armored).slice(0, -1).replaceAll('\n', '\n ')}\n`;
  return Buffer.concat([bytes.subarray(0, cut + 1), Buffer.from(header, 'latin1'), bytes.subarray(cut + 1)]);
}

/**
 * Reads a commit as encodeCommit and signCommit write it, nothing else.
 * @throws GtpkgError OBJECT_CORRUPT, SIGNATURE_MALFORMED
 */
export function parseCommit(body: Uint8Array): CommitFields & Signed {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const cut = bytes.indexOf('\n\n');
  if (cut < 0) throw corrupt('a commit without an empty line');
  const head = decodeUtf8(bytes.subarray(0, cut + 1));
  const mark = head.indexOf('\ngpgsig ');
  const plain = mark < 0 ? head : head.slice(0, mark + 1);
  const signature = mark < 0 ? undefined : parseSignatureHeader(head.slice(mark + 1));
  const payload = Buffer.concat([Buffer.from(plain, 'utf8'), bytes.subarray(cut + 1)]);
  const lines = plain.slice(0, -1).split('\n');
  const tree = parseId(lines.shift() ?? '', 'tree');
  const parents: Oid[] = [];
  while (lines[0]?.startsWith('parent ') === true) parents.push(parseId(lines.shift() ?? '', 'parent'));
  if (lines.length !== 2) throw corrupt('a commit with headers that do not belong');
  const author = parsePerson(lines[0] ?? '', 'author');
  const committer = parsePerson(lines[1] ?? '', 'committer');
  const fields: CommitFields = {
    tree,
    parents,
    author,
    committer,
    message: decodeUtf8(bytes.subarray(cut + 2)),
  };
  if (!encodeCommit(fields).equals(payload)) throw corrupt('a commit is not in canonical form');
  return { ...fields, ...(signature === undefined ? {} : { signature }), payload };
}

function parseSignatureHeader(text: string): string {
  const lines = text.slice('gpgsig '.length, -1).split('\n');
  if (lines.slice(1).some((line) => !line.startsWith(' ')))
    throw malformed('a commit with headers after its signature');
  return checkArmor(`${lines.map((line, i) => (i === 0 ? line : line.slice(1))).join('\n')}\n`);
}

/** The unsigned tag: these bytes are what a signature covers. @throws GtpkgError OBJECT_CORRUPT */
export function encodeTag(fields: TagFields): Buffer {
  // eslint-disable-next-line no-control-regex
  if (!/^[^\x00-\x20\x7f~^:?*[\\]+$/.test(fields.tag))
    throw corrupt(`"${fields.tag.slice(0, 80)}" is not a tag name`);
  checkMessage(fields.message);
  return Buffer.from(
    `object ${fields.object}\ntype ${fields.type}\ntag ${fields.tag}\ntagger ${formatPerson(fields.tagger)}\n\n${fields.message}`,
    'utf8',
  );
}

/** Appends an armoured signature of `payload`. @throws GtpkgError SIGNATURE_MALFORMED */
export function signTag(payload: Uint8Array, armored: string): Buffer {
  return Buffer.concat([payload, Buffer.from(canonicalArmor(armored), 'latin1')]);
}

/**
 * Reads a tag as encodeTag and signTag write it, nothing else.
 * @throws GtpkgError OBJECT_CORRUPT, SIGNATURE_MALFORMED
 */
export function parseTag(body: Uint8Array): TagFields & Signed {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const mark = bytes.indexOf(`\n${BEGIN}`);
  const payload = mark < 0 ? bytes : bytes.subarray(0, mark + 1);
  const signature = mark < 0 ? undefined : checkArmor(bytes.toString('latin1', mark + 1));
  const text = decodeUtf8(payload);
  const cut = text.indexOf('\n\n');
  if (cut < 0) throw corrupt('a tag without an empty line');
  const lines = text.slice(0, cut).split('\n');
  if (lines.length !== 4) throw corrupt('a tag with headers that do not belong');
  const type = /^type (commit|tree|blob|tag)$/.exec(lines[1] ?? '')?.[1];
  if (type === undefined || lines[2]?.startsWith('tag ') !== true)
    throw corrupt('a tag with malformed headers');
  const fields: TagFields = {
    object: parseId(lines[0] ?? '', 'object'),
    type: type as ObjectType,
    tag: lines[2].slice(4),
    tagger: parsePerson(lines[3] ?? '', 'tagger'),
    message: text.slice(cut + 2),
  };
  if (!encodeTag(fields).equals(payload)) throw corrupt('a tag is not in canonical form');
  return { ...fields, ...(signature === undefined ? {} : { signature }), payload };
}

// git takes the last line that looks like the start of a signature: a message must not hold one.
function checkMessage(message: string): void {
  if (!message.endsWith('\n') || message.includes('\0') || /^-----BEGIN /m.test(message))
    throw corrupt('a message that cannot stand in a signed git object');
}

function canonicalArmor(armored: string): string {
  return checkArmor(`${armored.replaceAll('\r\n', '\n').trim()}\n`);
}

// One block, ASCII, nothing before or after; what is inside is the trust room's to judge.
function checkArmor(text: string): string {
  const inside = text.slice(BEGIN.length, -END.length);
  if (
    !text.startsWith(BEGIN) ||
    !text.endsWith(END) ||
    text.length < BEGIN.length + END.length ||
    inside.includes('-----') ||
    !/^[\x20-\x7e\n]*$/.test(inside)
  ) {
    throw malformed('exactly one armoured OpenPGP signature is expected, and nothing after it');
  }
  if (text.length > limits.MAX_SIGNATURE)
    throw malformed(`a signature of more than ${limits.MAX_SIGNATURE} bytes`);
  return text;
}

function parseId(line: string, key: string): Oid {
  const id = line.slice(key.length + 1);
  if (!line.startsWith(`${key} `) || !/^[0-9a-f]{40}$/.test(id))
    throw corrupt(`the ${key} line is malformed`);
  return id as Oid;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GtpkgError('OBJECT_CORRUPT', 'a commit or tag is not UTF-8', { cause });
  }
}

function corrupt(message: string): GtpkgError {
  return new GtpkgError('OBJECT_CORRUPT', message);
}

function malformed(message: string): GtpkgError {
  return new GtpkgError('SIGNATURE_MALFORMED', message);
}
