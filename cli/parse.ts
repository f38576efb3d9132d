/**
 * The command line of one command: words in, flags and arguments out, by the same data that help and completion are made
 * of. Reads no environment. A mistake is a GtpkgError USAGE that says what is wrong; how the command is written is the
 * hint of whoever runs it.
 */
import { parseArgs } from 'node:util';
import { GtpkgError } from '../model/errors.js';
import type { ArgData, FlagData } from './flags.js';

/** What a command takes. */
export interface Definition {
  readonly flags: Readonly<Record<string, FlagData>>;
  readonly args: Readonly<Record<string, ArgData>>;
  /** no more words than `args` */
  readonly strict: boolean;
}

/** What was typed. */
export interface Parsed {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, string | undefined>>;
  /** all words that are not flags, `args` among them */
  readonly words: readonly string[];
}

function usage(message: string, hint?: string): GtpkgError {
  return new GtpkgError('USAGE', message, hint === undefined ? {} : { hint });
}

async function unknownFlag(typed: string, known: readonly string[]): Promise<GtpkgError> {
  const { nearestFlag } = await import('./not-found.js');
  const meant = nearestFlag(typed, known);
  return usage(`there is no flag ${typed}`, meant === undefined ? undefined : `Did you mean ${meant}?`);
}

function valueOf(name: string, flag: FlagData, text: string): string | number {
  if (flag.integer !== true) return text;
  const value = Number(text);
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = flag;
  if (/^-?\d{1,15}$/.test(text) && value >= min && value <= max) return value;
  const range =
    flag.min === undefined
      ? ''
      : flag.max === undefined
        ? ` of at least ${min}`
        : ` between ${min} and ${max}`;
  throw usage(`--${name} takes a whole number${range}, not "${text.slice(0, 80)}"`);
}

/** @throws GtpkgError USAGE */
export async function parseWords(definition: Definition, argv: readonly string[]): Promise<Parsed> {
  const { flags, args } = definition;
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(flags).map(([name, { type, char, multiple = false }]) => [
        name,
        {
          type: type === 'boolean' ? ('boolean' as const) : ('string' as const),
          multiple,
          ...(char === undefined ? {} : { short: char }),
        },
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const words: string[] = [];
  const given = new Map<string, unknown>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) throw await unknownFlag(rawName, Object.keys(flags));
    if (flag.type === 'boolean') {
      if (value !== undefined) throw usage(`${rawName} takes no value`);
      given.set(name, true);
      continue;
    }
    const negative = flag.integer === true && /^-\d+$/.test(value ?? '');
    if (value === undefined || (token.inlineValue !== true && /^-./.test(value) && !negative))
      throw usage(`${rawName} needs a value`);
    if (value === '') throw usage(`the value of ${rawName} is empty`);
    const parsed = valueOf(name, flag, value);
    if (flag.multiple === true) given.set(name, [...((given.get(name) as unknown[]) ?? []), parsed]);
    else if (given.has(name)) throw usage(`${rawName} is given twice`);
    else given.set(name, parsed);
  }
  checkFlags(flags, given);
  return {
    flags: Object.fromEntries(
      Object.entries(flags).map(([name, flag]) => [
        name,
        given.get(name) ?? flag.default ?? (flag.type === 'boolean' ? false : undefined),
      ]),
    ),
    args: takeArgs(definition, args, words),
    words,
  };
}

function checkFlags(flags: Definition['flags'], given: ReadonlyMap<string, unknown>): void {
  for (const name of given.keys()) {
    const other = flags[name]?.exclusive?.find((each) => given.has(each));
    if (other !== undefined) throw usage(`--${name} and --${other} exclude each other`);
  }
  const missing = Object.entries(flags)
    .filter(([name, flag]) => flag.required === true && !given.has(name))
    .map(([name]) => `--${name}`);
  if (missing.length > 0)
    throw usage(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
}

function takeArgs(
  { strict }: Definition,
  args: Definition['args'],
  words: readonly string[],
): Record<string, string | undefined> {
  const named = Object.entries(args);
  const missing = named
    .filter(([, arg], position) => arg.required === true && (words[position] ?? '') === '')
    .map(([name, { options }]) => options?.join('|') ?? name.toUpperCase());
  if (missing.length > 0)
    throw usage(`${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
  const extra = words.slice(named.length);
  if (strict && extra.length > 0)
    throw usage(
      `"${extra.join(' ').slice(0, 80)}" is ${extra.length === 1 ? 'one word' : `${extra.length} words`} too many`,
    );
  named.forEach(([name, { options }], position) => {
    const word = words[position];
    if (word !== undefined && options !== undefined && !options.includes(word))
      throw usage(`${name.toUpperCase()} must be ${options.join(' or ')}, not "${word.slice(0, 80)}"`);
  });
  return Object.fromEntries(named.map(([name], position) => [name, words[position]]));
}
