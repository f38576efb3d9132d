/**
 * Runs a compiled expression over bytes in linear time: all ways through it are followed at once, one byte at a time, so no expression and
 * no text makes it go back. Pure.
 *
 * The match is POSIX's: the leftmost, and of these the longest. Where several ways give it, each group in its turn, from the left, begins as early
 * and ends as late as it can.
 */
import { compileEre, type Instruction, type Program } from './ere-parse.js';

/** What matched: the whole, then each group; undefined for a group that took no part. */
export type Match = readonly (string | undefined)[];

/** Counts work. @throws when there was enough of it */
export type Spend = (steps: number) => void;

/** Positions of each group: start, end, start, end…; -1 while there is none. */
type Slots = readonly number[];

/** @throws BadExpression; and what `spend` throws */
export function matchEre(pattern: string, text: string, spend: Spend): Match | undefined {
  spend(pattern.length);
  const program = compiled(pattern);
  spend(program.code.length);
  // most of a policy's expressions are for other packages, and told by the first letter
  if (program.fromStart && program.first?.[text.charCodeAt(0)] === 0) return undefined;
  if (program.fromStart && program.first !== undefined && text === '') return undefined;
  const slots = run(program, text, spend);
  if (slots === undefined) return undefined;
  return Array.from({ length: program.groups + 1 }, (_, group) => {
    const [from = -1, to = -1] = [slots[2 * group], slots[2 * group + 1]];
    return from < 0 || to < 0 ? undefined : text.slice(from, to);
  });
}

const COMPILED = new Map<string, Program>();
/** Policies repeat their expressions for every release; more instructions than this, all together, are not theirs. */
const MAX_COMPILED = 200_000;
let instructions = 0;

function compiled(pattern: string): Program {
  const known = COMPILED.get(pattern);
  if (known !== undefined) return known;
  const program = compileEre(pattern);
  instructions += program.code.length + pattern.length;
  if (instructions > MAX_COMPILED) {
    COMPILED.clear();
    instructions = program.code.length + pattern.length;
  }
  COMPILED.set(pattern, program);
  return program;
}

function run({ code, groups, fromStart }: Program, text: string, spend: Spend): Slots | undefined {
  const none: Slots = new Array<number>(2 * groups + 2).fill(-1);
  let best: Slots | undefined;
  // at `at`: the best way to each instruction
  let threads = new Map<number, Slots>();
  for (let at = 0; at <= text.length; at++) {
    // once something matched, what begins later is of no interest
    if (best === undefined && (at === 0 || !fromStart)) follow(0, none.with(0, at), at);
    const byte = text.charCodeAt(at);
    const now = threads;
    threads = new Map();
    for (const [pc, slots] of now) {
      const instruction = code[pc];
      if (instruction?.op === 'accept') best = better(slots.with(1, at), best);
      else if (instruction?.op === 'set' && at < text.length && instruction.set[byte] === 1)
        follow(pc + 1, slots, at + 1);
    }
    if (threads.size === 0 && (best !== undefined || fromStart)) break;
  }
  return best;

  // Everything that can be reached from `pc` without a byte; of two ways to one place the better stays.
  function follow(from: number, start: Slots, at: number): void {
    const stack: [pc: number, slots: Slots][] = [[from, start]];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [pc, slots] = next;
      spend(1 + groups);
      const held = threads.get(pc);
      if (held !== undefined && better(slots, held) === held) continue;
      threads.set(pc, slots);
      const instruction = code[pc];
      if (instruction?.op === 'jump') stack.push([instruction.to, slots]);
      else if (instruction?.op === 'split') stack.push([instruction.or, slots], [instruction.to, slots]);
      else if (instruction?.op === 'save') stack.push([pc + 1, save(slots, instruction, at)]);
      else if ((instruction?.op === 'start' && at === 0) || (instruction?.op === 'end' && at === text.length))
        stack.push([pc + 1, slots]);
    }
  }
}

// A group that begins again forgets what the groups in it held.
function save(slots: Slots, { slot, clear }: Instruction & { op: 'save' }, at: number): Slots {
  const saved = slots.with(slot, at);
  if (clear > slot) saved.fill(-1, slot + 1, clear);
  return saved;
}

// The earlier start and then the later end, the whole first, then group by group; `held` when they are the same.
function better(fresh: Slots, held: Slots | undefined): Slots {
  if (held === undefined) return fresh;
  for (let i = 0; i < fresh.length; i += 2) {
    const [a = -1, b = -1] = [fresh[i], held[i]];
    if (a !== b) return b < 0 || (a >= 0 && a < b) ? fresh : held;
    const [c = -1, d = -1] = [fresh[i + 1], held[i + 1]];
    if (c !== d) return c > d ? fresh : held;
  }
  return held;
}
