/**
 * The usual ways to write a relation, taken apart where it lies: `name`, `name:any`, `name (>= 1.2)`. What is written otherwise is not read
 * here but by relation.ts, which also says what is wrong with it. Pure.
 */
import { OPERATORS } from './catalog-format.js';

const [SPACE, OPEN, CLOSE, COLON, LESS, EQUAL, MORE] = [32, 40, 41, 58, 60, 61, 62];

const isSmall = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
/** in a name after its first character: letters, digits, + - . */
const isName = (code: number): boolean => isSmall(code) || code === 43 || code === 45 || code === 46;

/** One relation; the same object is filled again for the next one. Places are offsets into the text. */
export class ParsedRelation {
  nameEnd = 0;
  /** what stands after the colon; empty where there is none */
  qualifier = 0;
  qualifierEnd = 0;
  /** index into OPERATORS, 0 for none */
  operator = 0;
  version = 0;
  versionEnd = 0;

  /** False: it is not written in a usual way, and nothing of what stands here means anything. */
  read(text: Buffer, from: number, to: number): boolean {
    let at = from;
    if (!isSmall(text[at] ?? 0) || at >= to) return false;
    while (at < to && isName(text[at] ?? 0)) at++;
    this.nameEnd = at;
    this.qualifier = this.qualifierEnd = at;
    if (at < to && text[at] === COLON) {
      this.qualifier = ++at;
      while (at < to && (isSmall(text[at] ?? 0) || text[at] === 45)) at++;
      if (at === this.qualifier) return false;
      this.qualifierEnd = at;
    }
    this.operator = 0;
    if (at === to) return true;
    if (text[at] === SPACE) at++;
    return text[at] === OPEN && this.#readBound(text, at + 1, to);
  }

  #readBound(text: Buffer, from: number, to: number): boolean {
    let at = from;
    while (at < to && (text[at] ?? 0) >= LESS && (text[at] ?? 0) <= MORE) at++;
    this.operator = operatorOf(text, from, at);
    if (this.operator === 0) return false;
    if (text[at] === SPACE) at++;
    this.version = at;
    while (at < to && (text[at] ?? 0) > SPACE && text[at] !== CLOSE && (text[at] ?? 0) < 127) at++;
    this.versionEnd = at;
    return at > this.version && text[at] === CLOSE && at + 1 === to;
  }
}

// < and > alone are obsolete: relation.ts knows what they mean.
function operatorOf(text: Buffer, from: number, to: number): number {
  const [first, second] = [text[from], text[from + 1]];
  if (to - from === 1) return first === EQUAL ? EQUALS : 0;
  if (to - from !== 2) return 0;
  if (first === LESS) return second === LESS ? BEFORE : second === EQUAL ? UP_TO : 0;
  return first === MORE ? (second === MORE ? AFTER : second === EQUAL ? SINCE : 0) : 0;
}

const [EQUALS, BEFORE, UP_TO, AFTER, SINCE] = (['=', '<<', '<=', '>>', '>='] as const).map((operator) =>
  OPERATORS.indexOf(operator),
) as [number, number, number, number, number];
