/**
 * What an assertion says, as data. RFC 2704 §4.3–§4.6. Types are known before anything is evaluated, so that a mixture of types is a syntax
 * error, as it is in the RFC's grammar. Pure.
 */

/** Where something stands in its field's body. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** An expression that gives a string. */
export type StringExpr = Span &
  (
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'attribute'; readonly name: string }
    /** `$`: the attribute whose name it gives */
    | { readonly kind: 'dereference'; readonly of: StringExpr }
    | { readonly kind: 'join'; readonly parts: readonly StringExpr[] }
  );

/** An expression that gives a number; all of its parts are integers, or all are floats. */
export type NumberExpr = Span & { readonly float: boolean } & (
    | { readonly kind: 'number'; readonly value: number }
    /** `@` and `&`: the number that a string is, else 0 */
    | { readonly kind: 'convert'; readonly of: StringExpr }
    | { readonly kind: 'negate'; readonly of: NumberExpr }
    | {
        readonly kind: 'arithmetic';
        readonly sign: Arithmetic;
        readonly left: NumberExpr;
        readonly right: NumberExpr;
      }
  );

/** Signs between numbers. */
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '^';
/** Signs that compare. */
export type Comparison = '==' | '!=' | '<' | '>' | '<=' | '>=';

/** An expression that holds or not. */
export type Test = Span &
  (
    | { readonly kind: 'constant'; readonly value: boolean }
    | { readonly kind: 'not'; readonly of: Test }
    | { readonly kind: 'all' | 'any'; readonly of: readonly Test[] }
    | {
        readonly kind: 'strings';
        readonly sign: Comparison;
        readonly left: StringExpr;
        readonly right: StringExpr;
      }
    | {
        readonly kind: 'numbers';
        readonly sign: Comparison;
        readonly left: NumberExpr;
        readonly right: NumberExpr;
      }
    | { readonly kind: 'match'; readonly left: StringExpr; readonly pattern: StringExpr }
  );

/** One clause of Conditions: what holds when its test does. */
export interface Clause extends Span {
  readonly test: Test;
  /** a value; further clauses; absent: the maximum */
  readonly then?: StringExpr | readonly Clause[];
}

/** Who must agree. */
export type Licensees =
  | { readonly kind: 'principal'; readonly name: string }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Licensees[] }
  /** `k` DISTINCT principals of these: the RFC counts entries */
  | { readonly kind: 'threshold'; readonly k: number; readonly of: readonly string[] };

/** One assertion. A field that is missing is undefined: that means the maximum, and an empty one the minimum. */
export interface Assertion {
  /** file and line, for people */
  readonly where: string;
  /** its bytes, as splitAssertions gives them */
  readonly text: string;
  readonly authorizer: string;
  /** `never`: the field is there and empty */
  readonly licensees: Licensees | 'never' | undefined;
  readonly constants: ReadonlyMap<string, string>;
  readonly conditions: readonly Clause[] | undefined;
  /** the body that the spans of the conditions are in */
  readonly conditionsText: string;
  readonly comment: string | undefined;
  readonly signature: { readonly value: string; readonly start: number } | undefined;
}

/** Names of the attributes that an expression reads, each once. */
export function namesIn(expr: Test | StringExpr | NumberExpr): string[] {
  switch (expr.kind) {
    case 'attribute':
      return [expr.name];
    case 'not':
    case 'dereference':
    case 'convert':
    case 'negate':
      return namesIn(expr.of);
    case 'all':
    case 'any':
      return [...new Set(expr.of.flatMap(namesIn))];
    case 'join':
      return [...new Set(expr.parts.flatMap(namesIn))];
    case 'strings':
    case 'numbers':
    case 'arithmetic':
      return [...new Set([...namesIn(expr.left), ...namesIn(expr.right)])];
    case 'match':
      return [...new Set([...namesIn(expr.left), ...namesIn(expr.pattern)])];
    default:
      return [];
  }
}
