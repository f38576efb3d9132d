/**
 * POSIX extended regular expressions (IEEE 1003.1 §9.4) to a program for ere.ts. Pure. Bytes, no locale.
 *
 * What POSIX leaves undefined is an error here: empty alternatives, repetition of nothing or of a repetition, `\` before a letter or digit,
 * collating symbols. So there is no `\d`, nothing lazy, no `(?:`.
 */
import { MAX_ERE_PROGRAM, MAX_ERE_REPEAT, MAX_KEYNOTE_DEPTH } from '../../model/limits.js';

/** Why an expression is none. */
export class BadExpression extends Error {}

type Node =
  | { readonly kind: 'empty' | 'start' | 'end' }
  /** 256 flags */
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'group'; readonly number: number; readonly last: number; readonly of: Node }
  | { readonly kind: 'sequence' | 'choice'; readonly of: readonly Node[] }
  | { readonly kind: 'repeat'; readonly min: number; readonly max: number; readonly of: Node };

/** One instruction; `to` and `or` are addresses. */
export type Instruction =
  | { readonly op: 'set'; readonly set: Uint8Array }
  | { readonly op: 'split'; readonly to: number; readonly or: number }
  | { readonly op: 'jump'; readonly to: number }
  /** with a group's start, what lies between `slot` and `clear` is forgotten */
  | { readonly op: 'save'; readonly slot: number; readonly clear: number }
  | { readonly op: 'start' | 'end' | 'accept' };

/** A compiled expression. */
export interface Program {
  readonly code: readonly Instruction[];
  readonly groups: number;
  /** it matches at the start of the text or nowhere */
  readonly fromStart: boolean;
  /** bytes that a match at the start begins with, 256 flags; undefined where it may be empty */
  readonly first: Uint8Array | undefined;
}

/** @throws BadExpression */
export function compileEre(pattern: string): Program {
  const { node, groups } = new Parser(pattern).parse();
  const code: Instruction[] = [];
  emit(node, code);
  push(code, { op: 'accept' });
  return { code, groups, fromStart: edge(node, 'start'), first: firstBytes(code) };
}

function firstBytes(code: readonly Instruction[]): Uint8Array | undefined {
  const first = new Uint8Array(256);
  const seen = new Set<number>();
  const stack = [0];
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    const instruction = code[pc];
    if (instruction === undefined || seen.has(pc)) continue;
    seen.add(pc);
    if (instruction.op === 'accept' || instruction.op === 'end') return undefined;
    if (instruction.op === 'set')
      instruction.set.forEach((flag, byte) => (first[byte] = (first[byte] ?? 0) | flag));
    else if (instruction.op === 'jump') stack.push(instruction.to);
    else if (instruction.op === 'split') stack.push(instruction.to, instruction.or);
    else stack.push(pc + 1);
  }
  return first;
}

/** Whether every way through the expression begins with `^` and ends with `$`. @throws BadExpression */
export function isAnchored(pattern: string): boolean {
  const { node } = new Parser(pattern).parse();
  return edge(node, 'start') && edge(node, 'end');
}

function edge(node: Node, kind: 'start' | 'end'): boolean {
  if (node.kind === kind) return true;
  if (node.kind === 'group') return edge(node.of, kind);
  if (node.kind === 'choice') return node.of.every((each) => edge(each, kind));
  if (node.kind !== 'sequence') return false;
  const last = kind === 'start' ? node.of[0] : node.of.at(-1);
  return last !== undefined && edge(last, kind);
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // eslint-disable-next-line no-control-regex
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\r\f\v]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

class Parser {
  readonly #text: string;
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): { node: Node; groups: number } {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw new BadExpression('a ")" without "("');
    return { node, groups: this.#groups };
  }

  #choice(): Node {
    const of = [this.#sequence()];
    while (this.#skip('|')) of.push(this.#sequence());
    return of.length === 1 ? (of[0] as Node) : { kind: 'choice', of };
  }

  #sequence(): Node {
    const of: Node[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] ?? ''))
      of.push(this.#repeated());
    if (of.length === 0) throw new BadExpression('an empty alternative');
    return of.length === 1 ? (of[0] as Node) : { kind: 'sequence', of };
  }

  #skip(c: string): boolean {
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #repeated(): Node {
    const of = this.#atom();
    const count = this.#count();
    if (count === undefined) return of;
    if (of.kind === 'start' || of.kind === 'end') throw new BadExpression('repetition of an anchor');
    if (this.#count() !== undefined) throw new BadExpression('repetition of a repetition');
    return { kind: 'repeat', of, ...count };
  }

  #count(): { min: number; max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Infinity };
    if (this.#skip('+')) return { min: 1, max: Infinity };
    if (this.#skip('?')) return { min: 0, max: 1 };
    if (!/^\{[0-9]/.test(this.#text.slice(this.#at, this.#at + 2))) return undefined;
    const bounds = /\{(\d{1,4})(,(\d{1,4})?)?\}/y;
    bounds.lastIndex = this.#at;
    const [all, from = '', comma, to] = bounds.exec(this.#text) ?? [];
    const min = Number(from);
    const max = comma === undefined ? min : to === undefined ? Infinity : Number(to);
    if (all === undefined || min > max || min > MAX_ERE_REPEAT || (max !== Infinity && max > MAX_ERE_REPEAT))
      throw new BadExpression('a bad repetition count');
    this.#at += all.length;
    return { min, max };
  }

  #atom(): Node {
    const c = this.#text[this.#at++] ?? '';
    switch (c) {
      case '(': {
        const number = ++this.#groups;
        if (++this.#depth > MAX_KEYNOTE_DEPTH) throw new BadExpression('nested too deep');
        const of: Node = this.#text[this.#at] === ')' ? { kind: 'empty' } : this.#choice();
        this.#depth--;
        if (!this.#skip(')')) throw new BadExpression('a "(" without ")"');
        return { kind: 'group', number, last: this.#groups, of };
      }
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'set', set: new Uint8Array(256).fill(1) };
      case '[':
        return { kind: 'set', set: this.#bracket() };
      case '*':
      case '+':
      case '?':
        throw new BadExpression('repetition of nothing');
      case '{':
        if (/[0-9]/.test(this.#text[this.#at] ?? '')) throw new BadExpression('repetition of nothing');
        return only(c);
      case '\\': {
        const escaped = this.#text[this.#at++];
        if (escaped === undefined || /[A-Za-z0-9]/.test(escaped))
          throw new BadExpression('"\\" before a letter, a digit or nothing');
        return only(escaped);
      }
      default:
        return only(c);
    }
  }

  #bracket(): Uint8Array {
    const set = new Uint8Array(256);
    const not = this.#skip('^');
    for (let first = true; ; first = false) {
      if (!first && this.#skip(']')) break;
      if (this.#at >= this.#text.length) throw new BadExpression('a "[" without "]"');
      const named = /\[([:.=])/y;
      named.lastIndex = this.#at;
      if (named.test(this.#text)) {
        this.#named(set);
        continue;
      }
      const from = this.#text.charCodeAt(this.#at++);
      let to = from;
      if (this.#text[this.#at] === '-' && ![']', undefined].includes(this.#text[this.#at + 1])) {
        to = this.#text.charCodeAt(this.#at + 1);
        if (to < from || (to === 0x5b && /[:.=]/.test(this.#text[this.#at + 2] ?? '')))
          throw new BadExpression('a bad range');
        this.#at += 2;
      }
      set.fill(1, from, to + 1);
    }
    return not ? set.map((flag) => 1 - flag) : set;
  }

  #named(set: Uint8Array): void {
    const named = /\[:([a-z]+):\]/y;
    named.lastIndex = this.#at;
    const [all = '', name = ''] = named.exec(this.#text) ?? [];
    const members = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
    if (members === undefined) throw new BadExpression('an unknown class of characters');
    for (let code = 0; code < 256; code++) if (members.test(String.fromCharCode(code))) set[code] = 1;
    this.#at += all.length;
  }
}

function only(c: string): Node {
  const set = new Uint8Array(256);
  set[c.charCodeAt(0)] = 1;
  return { kind: 'set', set };
}

function push(code: Instruction[], instruction: Instruction): number {
  if (code.length >= MAX_ERE_PROGRAM) throw new BadExpression(`longer than ${MAX_ERE_PROGRAM} instructions`);
  return code.push(instruction) - 1;
}

function emit(node: Node, code: Instruction[]): void {
  switch (node.kind) {
    case 'empty':
      return;
    case 'start':
    case 'end':
      push(code, { op: node.kind });
      return;
    case 'set':
      push(code, { op: 'set', set: node.set });
      return;
    case 'group':
      push(code, { op: 'save', slot: 2 * node.number, clear: 2 * node.last + 2 });
      emit(node.of, code);
      push(code, { op: 'save', slot: 2 * node.number + 1, clear: 0 });
      return;
    case 'sequence':
      for (const each of node.of) emit(each, code);
      return;
    case 'choice':
      emitChoice(node.of, code);
      return;
    case 'repeat':
      emitRepeat(node, code);
  }
}

function emitChoice(of: readonly Node[], code: Instruction[]): void {
  const ends: number[] = [];
  for (const [i, each] of of.entries()) {
    if (i === of.length - 1) {
      emit(each, code);
      break;
    }
    const at = push(code, { op: 'jump', to: 0 });
    emit(each, code);
    ends.push(push(code, { op: 'jump', to: 0 }));
    code[at] = { op: 'split', to: at + 1, or: code.length };
  }
  for (const at of ends) code[at] = { op: 'jump', to: code.length };
}

function emitRepeat({ of, min, max }: Node & { kind: 'repeat' }, code: Instruction[]): void {
  for (let i = 0; i < min; i++) emit(of, code);
  if (max === Infinity) {
    const at = push(code, { op: 'jump', to: 0 });
    emit(of, code);
    push(code, { op: 'jump', to: at });
    code[at] = { op: 'split', to: at + 1, or: code.length };
    return;
  }
  const splits: number[] = [];
  for (let i = min; i < max; i++) {
    splits.push(push(code, { op: 'jump', to: 0 }));
    emit(of, code);
  }
  for (const at of splits) code[at] = { op: 'split', to: at + 1, or: code.length };
}
