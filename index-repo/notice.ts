/**
 * Notices: what is to be known of an index beside its log. docs/formats/notices.md, version 1. Pure.
 *
 * A notice is a deb822 paragraph, an empty line, and a git pack of whole objects; what does not fit stands in static cores. It travels between peers
 * or in a file. Nothing in it is believed: whoever takes one judges what is in its pack (evidence.ts, proposal.ts).
 */
import { createHash } from 'node:crypto';
import {
  GtpkgError,
  Paragraph,
  limits,
  parseOid,
  parseParagraph,
  type CoreRef,
  type Oid,
} from '../model/index.js';
import { formatCores, parseCores } from './record.js';

/**
 * `proposal`: commits that too few roots have signed yet; `cosignature`: signatures on one; `moved`: commits that lead to another index
 * core; `equivocation`: two commits with one number.
 */
export const NOTICE_KINDS = ['proposal', 'cosignature', 'moved', 'equivocation'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** One notice. */
export interface Notice {
  readonly kind: NoticeKind;
  /** the newest commit that it speaks of */
  readonly commit: Oid;
  /** of an equivocation: the other one */
  readonly other?: Oid;
  /** the newest commit that is not in the pack and that what is in it builds upon */
  readonly parent?: Oid;
  readonly sequence: number;
  /** commits, co-signatures, the tops of trees; all else too, as far as it fits */
  readonly pack: Buffer;
  /** static cores that hold the rest, a pack too */
  readonly cores?: readonly CoreRef[];
}

const FORMAT = 'gtpkg-notice 1';
const MAX_HEAD = 8192;

/** The name of a notice: SHA-256 of its bytes, hexadecimal. */
export function noticeId(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws GtpkgError LIMIT_EXCEEDED when it is too large to travel */
export function encodeNotice(notice: Notice): Buffer {
  const { kind, commit, other, parent, sequence, pack, cores = [] } = notice;
  const head = Paragraph.of([
    ['Format', FORMAT],
    ['Kind', kind],
    ['Commit', commit],
    ['Other-Commit', other],
    ['Parent-Commit', parent],
    ['Sequence', String(sequence)],
    ['Cores', cores.length === 0 ? undefined : formatCores(cores)],
  ]).toString();
  const bytes = Buffer.concat([Buffer.from(`${head}\n`, 'utf8'), pack]);
  if (bytes.length > limits.MAX_NOTICE)
    throw new GtpkgError('LIMIT_EXCEEDED', `A notice of ${bytes.length} bytes is too large to travel`);
  return bytes;
}

/** @throws GtpkgError NOTICE_MALFORMED, LIMIT_EXCEEDED */
export function decodeNotice(bytes: Uint8Array): Notice {
  if (bytes.length > limits.MAX_NOTICE)
    throw new GtpkgError('LIMIT_EXCEEDED', `A notice of more than ${limits.MAX_NOTICE} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cut = buffer.indexOf('\n\n');
  if (cut < 0 || cut > MAX_HEAD) throw malformed('no empty line');
  try {
    return read(
      parseParagraph(buffer.toString('utf8', 0, cut + 1), { where: 'notice', code: 'NOTICE_MALFORMED' }),
      buffer.subarray(cut + 2),
    );
  } catch (cause) {
    if (cause instanceof GtpkgError && ['NOTICE_MALFORMED', 'LIMIT_EXCEEDED'].includes(cause.code))
      throw cause;
    throw malformed(cause instanceof Error ? cause.message : 'unreadable', cause);
  }
}

function read(fields: Paragraph, rest: Buffer): Notice {
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw malformed(`the field ${name} is missing`);
    return value;
  };
  if (need('Format') !== FORMAT) throw malformed(`the format is "${need('Format').slice(0, 60)}"`);
  const kind = NOTICE_KINDS.find((each) => each === need('Kind'));
  if (kind === undefined) throw malformed(`Kind is "${need('Kind').slice(0, 40)}"`);
  if (!/^[1-9]\d{0,14}$/.test(need('Sequence'))) throw malformed('Sequence is not a number');
  const other = fields.get('Other-Commit');
  const parent = fields.get('Parent-Commit');
  const cores = fields.get('Cores');
  const wrong = (what: string): never => {
    throw malformed(what);
  };
  if ((kind === 'equivocation') !== (other !== undefined)) throw malformed('Other-Commit does not fit Kind');
  return Object.freeze({
    kind,
    commit: parseOid(need('Commit')),
    ...(other === undefined ? {} : { other: parseOid(other) }),
    ...(parent === undefined ? {} : { parent: parseOid(parent) }),
    sequence: Number(need('Sequence')),
    pack: rest,
    ...(cores === undefined ? {} : { cores: parseCores(cores, wrong) }),
  });
}

function malformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('NOTICE_MALFORMED', `The notice is malformed: ${what.slice(0, 200)}`, { cause });
}
