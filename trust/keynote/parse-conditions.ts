/**
 * Conditions: clauses, tests and the expressions in them. RFC 2704 §4.6.5, §4.6.6. Pure; recursive descent, bounded in depth.
 *
 *     clauses: ( clause ";" )*          clause: test | test "->" value | test "->" "{" clauses "}"
 *     test: and ( "||" and )*           and: not ( "&&" not )*          not: "!" not | relation
 *     relation: sum | sum ( "==" | "!=" | "<" | ">" | "<=" | ">=" | "~=" ) sum
 *     sum: product ( "+" | "-" | "." )  product: power ( "*" | "/" | "%" )  power: unary ( "^" unary )*
 *     unary: ( "-" | "@" | "&" | "$" ) unary | "(" test ")" | string | number | name
 */
import { MAX_KEYNOTE_DEPTH } from '../../model/limits.js';
import type { Arithmetic, Clause, Comparison, NumberExpr, Span, StringExpr, Test } from './syntax.js';
import { Tokens } from './tokens.js';

type Typed =
  | { readonly type: 'string'; readonly expr: StringExpr }
  | { readonly type: 'number'; readonly expr: NumberExpr }
  | { readonly type: 'test'; readonly expr: Test };

const COMPARISONS: readonly string[] = ['==', '!=', '<=', '>=', '<', '>', '~='];

/** @throws SyntaxProblem */
export function parseConditions(body: string, line: number): readonly Clause[] {
  const parser = new ConditionsParser(new Tokens(body, line));
  return parser.all();
}

class ConditionsParser {
  readonly #tokens: Tokens;
  #depth = 0;
  #end = 0;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  all(): readonly Clause[] {
    const clauses = this.#clauses();
    if (this.#tokens.next.kind !== 'end') throw this.#tokens.problem('a clause is expected');
    return clauses;
  }

  #clauses(): readonly Clause[] {
    const tokens = this.#tokens;
    const clauses: Clause[] = [];
    while (tokens.next.kind !== 'end' && !tokens.is('}')) clauses.push(this.#clause());
    return clauses;
  }

  #clause(): Clause {
    const tokens = this.#tokens;
    const { start } = tokens.next;
    const test = this.#test();
    let then: Clause['then'];
    if (tokens.skip('->')) {
      if (tokens.is('{')) {
        then = this.#deeper(() => {
          tokens.take();
          const clauses = this.#clauses();
          this.#expect('}');
          return clauses;
        });
      } else {
        const value = this.#sum();
        if (value.type !== 'string') throw tokens.problem('a value is a string');
        then = value.expr;
      }
    }
    const end = this.#end;
    tokens.expect(';');
    return { start, end, test, ...(then === undefined ? {} : { then }) };
  }

  #test(): Test {
    const found = this.#or();
    if (found.type !== 'test') throw this.#tokens.problem('a test is expected');
    return found.expr;
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_KEYNOTE_DEPTH) throw this.#tokens.problem('nested too deep');
    const value = read();
    this.#depth--;
    return value;
  }

  #take(): ReturnType<Tokens['take']> {
    const token = this.#tokens.take();
    this.#end = token.end;
    return token;
  }

  #expect(sign: string): void {
    const { end } = this.#tokens.next;
    this.#tokens.expect(sign);
    this.#end = end;
  }

  #or(): Typed {
    return this.#chain('||', 'any', () => this.#chain('&&', 'all', () => this.#not()));
  }

  #chain(sign: string, kind: 'all' | 'any', part: () => Typed): Typed {
    const { start } = this.#tokens.next;
    const first = part();
    if (!this.#tokens.is(sign)) return first;
    const of = [this.#asTest(first)];
    while (this.#tokens.skip(sign)) of.push(this.#asTest(part()));
    return { type: 'test', expr: { kind, of, start, end: this.#end } };
  }

  #asTest(found: Typed): Test {
    if (found.type !== 'test') throw this.#tokens.problem('a test is expected, and not a value,');
    return found.expr;
  }

  #not(): Typed {
    const { start } = this.#tokens.next;
    if (!this.#tokens.skip('!')) return this.#relation();
    return this.#deeper(() => {
      const of = this.#asTest(this.#not());
      return { type: 'test', expr: { kind: 'not', of, start, end: this.#end } };
    });
  }

  #relation(): Typed {
    const tokens = this.#tokens;
    const { start } = tokens.next;
    const left = this.#sum();
    const sign = COMPARISONS.find((each) => tokens.is(each));
    if (sign === undefined) return left;
    tokens.take();
    const right = this.#sum();
    const span = { start, end: this.#end };
    if (COMPARISONS.some((each) => tokens.is(each))) throw tokens.problem('two comparisons in a row');
    if (left.type === 'string' && right.type === 'string') {
      if (sign === '~=')
        return { type: 'test', expr: { kind: 'match', left: left.expr, pattern: right.expr, ...span } };
      return {
        type: 'test',
        expr: { kind: 'strings', sign: sign as Comparison, left: left.expr, right: right.expr, ...span },
      };
    }
    if (
      left.type !== 'number' ||
      right.type !== 'number' ||
      left.expr.float !== right.expr.float ||
      sign === '~='
    )
      throw tokens.problem(`"${sign}" between values of different types`);
    if (left.expr.float && (sign === '==' || sign === '!='))
      throw tokens.problem('floats are not compared for equality,');
    return {
      type: 'test',
      expr: { kind: 'numbers', sign: sign as Comparison, left: left.expr, right: right.expr, ...span },
    };
  }

  #sum(): Typed {
    const tokens = this.#tokens;
    const { start } = tokens.next;
    let left = this.#product();
    for (;;) {
      if (tokens.skip('.')) {
        const right = this.#product();
        if (left.type !== 'string' || right.type !== 'string')
          throw tokens.problem('"." joins strings only,');
        const before = left.expr.kind === 'join' && left.expr.start === start ? left.expr.parts : [left.expr];
        left = {
          type: 'string',
          expr: { kind: 'join', parts: [...before, right.expr], start, end: this.#end },
        };
      } else if (tokens.is('+') || tokens.is('-')) {
        left = this.#arithmetic(left, start, () => this.#product());
      } else return left;
    }
  }

  #product(): Typed {
    const { start } = this.#tokens.next;
    let left = this.#power();
    while (['*', '/', '%'].some((sign) => this.#tokens.is(sign)))
      left = this.#arithmetic(left, start, () => this.#power());
    return left;
  }

  #power(): Typed {
    const { start } = this.#tokens.next;
    let left = this.#unary();
    while (this.#tokens.is('^')) left = this.#arithmetic(left, start, () => this.#unary());
    return left;
  }

  // Left-associative chains nest to the left, so each link counts as depth of what it stands in.
  #arithmetic(left: Typed, start: number, operand: () => Typed): Typed {
    const sign = this.#tokens.take().value as Arithmetic;
    const right = operand();
    if (left.type !== 'number' || right.type !== 'number' || left.expr.float !== right.expr.float)
      throw this.#tokens.problem(`"${sign}" between values of different types`);
    if (sign === '%' && left.expr.float) throw this.#tokens.problem('"%" is for integers,');
    const { float } = left.expr;
    const expr: NumberExpr = {
      kind: 'arithmetic',
      sign,
      float,
      left: left.expr,
      right: right.expr,
      start,
      end: this.#end,
    };
    if (depthOf(expr) > MAX_KEYNOTE_DEPTH) throw this.#tokens.problem('too many operators in one expression');
    return { type: 'number', expr };
  }

  #unary(): Typed {
    return this.#deeper(() => {
      const { start } = this.#tokens.next;
      for (const sign of ['-', '@', '&', '$']) {
        if (!this.#tokens.skip(sign)) continue;
        const of = this.#unary();
        const span = { start, end: this.#end };
        if (sign === '-') {
          if (of.type !== 'number') throw this.#tokens.problem('"-" is for numbers,');
          return { type: 'number', expr: { kind: 'negate', of: of.expr, float: of.expr.float, ...span } };
        }
        if (of.type !== 'string') throw this.#tokens.problem(`"${sign}" is for strings,`);
        if (sign === '$') return { type: 'string', expr: { kind: 'dereference', of: of.expr, ...span } };
        return { type: 'number', expr: { kind: 'convert', of: of.expr, float: sign === '&', ...span } };
      }
      return this.#primary();
    });
  }

  #primary(): Typed {
    const tokens = this.#tokens;
    if (tokens.is('(')) {
      const { start } = this.#take();
      const found = this.#or();
      this.#expect(')');
      return { ...found, expr: { ...found.expr, start, end: this.#end } } as Typed;
    }
    const { kind, value, start, end } = tokens.next;
    const span: Span = { start, end };
    if (kind === 'end' || kind === 'sign' || kind === 'of') throw tokens.problem('a value is expected');
    this.#take();
    if (kind === 'string') return { type: 'string', expr: { kind: 'text', value: value as string, ...span } };
    if (kind !== 'name')
      return {
        type: 'number',
        expr: { kind: 'number', value: value as number, float: kind === 'float', ...span },
      };
    if (value === 'true' || value === 'false')
      return { type: 'test', expr: { kind: 'constant', value: value === 'true', ...span } };
    return { type: 'string', expr: { kind: 'attribute', name: value as string, ...span } };
  }
}

function depthOf(expr: NumberExpr): number {
  let depth = 0;
  for (let at: NumberExpr = expr; at.kind === 'arithmetic'; at = at.left) depth++;
  return depth;
}
