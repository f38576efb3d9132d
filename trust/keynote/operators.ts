/**
 * What the operators of Conditions come to: RFC 2704 §5, with the numbers of docs/adr/0013. Pure.
 */

/** A clause cannot be evaluated: its own business, nobody else's. */
export class RunError extends Error {}

/** A comparison; undefined where a side is not known. */
export function compare<T extends string | number>(
  sign: string,
  a: T | undefined,
  b: T | undefined,
): boolean | undefined {
  if (a === undefined || b === undefined) return undefined;
  switch (sign) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    default:
      return a >= b;
  }
}

/** A whole decimal number, with a sign or without; anything else is 0. */
export function convert(text: string, float: boolean): number {
  const form = float ? /^[+-]?\d{1,400}(?:\.\d{1,400})?$/ : /^[+-]?\d{1,400}$/;
  return form.test(text) ? Number(text) : 0;
}

/** @throws RunError when it is out of range */
export function check(value: number, float: boolean): number {
  if (float ? !Number.isFinite(value) : !Number.isSafeInteger(value))
    throw new RunError('a number out of range');
  // no test is to tell 0 from -0
  return value === 0 ? 0 : value;
}

/** NaN for what cannot be. */
export function calculate(sign: string, [a, b]: readonly [number, number], float: boolean): number {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return float ? a / b : b === 0 ? NaN : Math.trunc(a / b);
    case '%':
      return b === 0 ? NaN : a % b;
    default:
      return float || b >= 0 ? a ** b : NaN;
  }
}
