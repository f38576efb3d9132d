/**
 * Which paths releases have: the list of segments in the signed tree, and the segments themselves, static cores that are fetched only by who asks.
 * docs/formats/contents.md. Nothing of a segment is trusted before its core key, and nothing is held of it but what was asked for.
 */
import { Readable } from 'node:stream';
import { brotliCompressSync, constants, createBrotliDecompress } from 'node:zlib';
import {
  GtpkgError,
  Paragraph,
  limits,
  parseCoreKey,
  parseParagraph,
  type CoreRef,
  type ReleasePin,
} from '../model/index.js';

/** A segment as the list names it. */
export interface SegmentRef {
  readonly core: CoreRef;
  /** how many releases it tells of */
  readonly releases: number;
}

/** A release in a segment. */
export interface ReleaseHead {
  /** first 16 digits of its Tree-SHA256 */
  readonly tree: string;
  readonly name: string;
  readonly version: string;
}

/** A release with its paths: without the slash, one byte a character. */
export interface ReleasePaths extends ReleaseHead {
  readonly paths: readonly string[];
}

const FORMAT = 'gtpkg-contents 1';
const FIRST = 'gtpkg-contents-segment 1\n';
const HEAD = /^= ([0-9a-f]{16}) ([a-z0-9][a-z0-9+.-]{0,127}) (\S{1,255})$/;
const REF = /^(\S+) ([1-9]\d{0,14}) ([1-9]\d{0,8})$/;
/** Brotli's quality: half the time of the highest that still is quick, and 5 % larger. */
const QUALITY = 6;

/** The file `contents` of a suite and architecture. */
export function formatContents(segments: readonly SegmentRef[]): Buffer {
  const lines = segments.map(({ core, releases }) => `\n ${core.key} ${core.byteLength} ${releases}`);
  const fields = Paragraph.of([
    ['Format', FORMAT],
    ['Segments', lines.join('')],
  ]);
  return Buffer.from(fields.toString(), 'utf8');
}

/** @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export function parseContents(bytes: Uint8Array): SegmentRef[] {
  if (bytes.length > limits.MAX_INDEX_FILE)
    throw new GtpkgError('LIMIT_EXCEEDED', `A list of contents of more than ${limits.MAX_INDEX_FILE} bytes`);
  const fields = parseParagraph(Buffer.from(bytes).toString('utf8'), {
    where: 'contents',
    code: 'INDEX_MALFORMED',
  });
  if (fields.get('Format') !== FORMAT) throw malformed('it has another format');
  const [first, ...lines] = (fields.get('Segments') ?? 'none').split('\n');
  if (first !== '' || lines.length === 0 || lines.length > limits.MAX_CONTENTS_SEGMENTS)
    throw malformed('the field Segments has no proper lines');
  return lines.map((line) => {
    const [, key = '', size, releases] = REF.exec(line.trim()) ?? [];
    if (size === undefined) throw malformed('a line of the field Segments is malformed');
    if (Number(size) > limits.MAX_CONTENTS_SEGMENT)
      throw new GtpkgError('LIMIT_EXCEEDED', `A segment of contents of ${size} bytes`);
    return { core: { key: parseCoreKey(key), byteLength: Number(size) }, releases: Number(releases) };
  });
}

/** How a release is named in segments. */
export function releaseHead({
  tree,
  name,
  version,
}: Pick<ReleasePin, 'tree' | 'name' | 'version'>): ReleaseHead {
  return { tree: tree.slice(0, 16), name, version };
}

/** The bytes of a segment; releases by name, version and tree, whatever their order here. */
export function encodeSegment(releases: readonly ReleasePaths[]): Buffer {
  const head = ({ tree, name, version }: ReleaseHead): string => `= ${tree} ${name} ${version}`;
  const text = releases
    .map((release) => ({ head: head(release), paths: release.paths }))
    .sort((a, b) => (a.head.slice(18) + a.head < b.head.slice(18) + b.head ? -1 : 1))
    .map((each) => [each.head, ...[...each.paths].map(lineOf).sort(), ''].join('\n'));
  const bytes = Buffer.from(FIRST + text.join(''), 'latin1');
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_LGWIN]: 22,
    },
  });
}

const lineOf = (path: string): string =>
  `/${path.replace(/[%\n]/g, (sign) => (sign === '%' ? '%25' : '%0A'))}`;
const pathOf = (line: string): string =>
  line.slice(1).replace(/%(25|0A)/g, (_, code) => (code === '25' ? '%' : '\n'));

/** The releases of a segment that have a path. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export async function* releasesWith(
  segment: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<ReleaseHead> {
  const needle = Buffer.from(`\n${lineOf(path)}\n`, 'latin1');
  let before = '';
  for await (const lines of wholeLines(segment)) {
    for (let at = lines.indexOf(needle); at >= 0; at = lines.indexOf(needle, at + 1)) {
      const start = lines.lastIndexOf('\n= ', at);
      yield headOf(start < 0 ? before : lineAt(lines, start + 1));
    }
    const last = lines.lastIndexOf('\n= ');
    if (last >= 0) before = lineAt(lines, last + 1);
  }
}

/** The paths of one release, undefined when the segment has not got it. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export async function pathsIn(
  segment: AsyncIterable<Uint8Array>,
  tree: string,
): Promise<string[] | undefined> {
  for await (const release of releasesIn(segment, (head) => head.tree === tree)) return [...release.paths];
  return undefined;
}

/** The releases of a segment that are wanted, with their paths. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export async function* releasesIn(
  segment: AsyncIterable<Uint8Array>,
  wanted: (head: ReleaseHead) => boolean,
): AsyncGenerator<ReleasePaths> {
  let open: { head: ReleaseHead; paths: string[] } | undefined;
  for await (const lines of wholeLines(segment)) {
    for (let at = 1; at < lines.length;) {
      if (lines[at] === 0x3d) {
        if (open !== undefined) yield { ...open.head, paths: open.paths };
        const head = headOf(lineAt(lines, at));
        open = wanted(head) ? { head, paths: [] } : undefined;
        at = lines.indexOf(0x0a, at) + 1;
      } else if (open === undefined) {
        const next = lines.indexOf('\n= ', at - 1);
        at = next < 0 ? lines.length : next + 1;
      } else {
        const line = lineAt(lines, at);
        if (!line.startsWith('/') || open.paths.length >= limits.MAX_MANIFEST_ENTRIES)
          throw malformed('a line that is no path, or too many');
        open.paths.push(pathOf(line));
        at += line.length + 1;
      }
    }
  }
  if (open !== undefined) yield { ...open.head, paths: open.paths };
}

function lineAt(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, bytes.indexOf(0x0a, at));
}

function headOf(line: string): ReleaseHead {
  const [, tree, name = '', version = ''] = HEAD.exec(line) ?? [];
  if (tree === undefined) throw malformed('a release is named in another way');
  return { tree, name, version };
}

// Decompressed pieces that begin with the line break before their first line and end with that of their last.
async function* wholeLines(segment: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const output = createBrotliDecompress({ chunkSize: 1 << 18 });
  const input = Readable.from(segment, { objectMode: false });
  input.on('error', (error) => output.destroy(error));
  input.pipe(output);
  let rest = Buffer.alloc(0);
  let total = 0;
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      const first = total === 0 && rest.length === 0;
      total += chunk.length;
      if (total > limits.MAX_CONTENTS_UNPACKED)
        throw new GtpkgError('LIMIT_EXCEEDED', 'A segment of contents unpacks to more than is allowed');
      let bytes = Buffer.concat([rest, chunk]);
      if (first || total - chunk.length < FIRST.length) {
        if (total < FIRST.length) {
          rest = bytes;
          continue;
        }
        if (bytes.toString('latin1', 0, FIRST.length) !== FIRST) throw malformed('it has another format');
        bytes = bytes.subarray(FIRST.length - 1);
      }
      const end = bytes.lastIndexOf(0x0a);
      if (end > 0) yield bytes.subarray(0, end + 1);
      rest = Buffer.from(bytes.subarray(Math.max(0, end)));
      if (rest.length > limits.MAX_CONTENTS_LINE) throw malformed('a line is too long');
    }
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw malformed('it cannot be decompressed', cause);
  } finally {
    input.destroy();
    output.destroy();
  }
  if (total < FIRST.length || rest.length !== 1) throw malformed('it is cut short');
}

function malformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('INDEX_MALFORMED', `The contents of a suite are malformed: ${what}`, { cause });
}
