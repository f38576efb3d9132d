/**
 * Takes shards apart as far as a query file needs, without parsing them. Pure.
 *
 * A shard has passed parseShard when it came in: it is canonical, so an empty line ends an entry and nothing else does.
 */
import { parseRelations } from '../model/index.js';

/** An entry as it stands in a shard. */
export interface Stanza {
  readonly name: string;
  readonly version: string;
  /** names that it provides, each once */
  readonly provides: readonly string[];
  /** a view of the shard */
  readonly bytes: Buffer;
}

const LINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/** Every entry of a shard. */
export function* takeApart(body: Buffer): Generator<Stanza> {
  for (let start = 0; start < body.length;) {
    const gap = body.indexOf('\n\n', start);
    const end = gap < 0 ? body.length : gap + 1;
    yield stanzaOf(body.subarray(start, end));
    start = end + 1;
  }
}

// Strings are made of the bytes that they hold, not cut from a longer one that would stay in memory with them.
function stanzaOf(bytes: Buffer): Stanza {
  let [name, version, provides] = ['', '', ''];
  for (let at = 0; at < bytes.length;) {
    const end = endOfField(bytes, at);
    // P, V, and their lower case: the rest of a field's name is compared where it may be one of these
    const letter = (bytes[at] ?? 0) & 0xdf;
    if (letter === 0x50 || letter === 0x56) {
      const colon = bytes.indexOf(0x3a, at);
      const field = bytes.toString('latin1', at, colon).toLowerCase();
      const value = (): string => bytes.toString('utf8', colon + 1, end).trim();
      if (field === 'package') name = value();
      else if (field === 'version') version = value();
      else if (field === 'provides') provides = value();
    }
    at = end;
  }
  const provided = provides === '' ? [] : parseRelations(provides, 'Provides').map((each) => each.name);
  return { name, version, provides: [...new Set(provided)], bytes };
}

// Where the next field begins: after the lines that go on with this one.
function endOfField(bytes: Buffer, from: number): number {
  for (let at = from; ;) {
    const end = bytes.indexOf(LINE, at);
    if (end < 0) return bytes.length;
    const next = bytes[end + 1];
    if (next !== SPACE && next !== TAB) return end + 1;
    at = end + 1;
  }
}

const DESCRIPTION = /(?:^|\n)Description:([^\n]*)((?:\n[ \t][^\n]*)*)/i;

/** Summary and further text of an entry's description, as they stand there. */
export function descriptionOf(bytes: Buffer): { summary: string; rest: string } {
  const [, summary = '', rest = ''] = DESCRIPTION.exec(bytes.toString('utf8')) ?? [];
  return { summary: summary.trim(), rest };
}
