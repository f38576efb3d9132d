/**
 * Flags and arguments as plain data, of the shape and the types that oclif's builders give: its help, its manifest and its
 * completion read them. The builders stand here because oclif's own load its whole parser, its help and its colours first,
 * which takes longer than all of `gtpkg list`.
 */
import type * as OclifArgs from '@oclif/core/args';
import type * as OclifFlags from '@oclif/core/flags';

/** What the parser reads of a flag. */
export interface FlagData {
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly multiple?: boolean;
  readonly required?: boolean;
  readonly default?: unknown;
  /** flags that it cannot be used with */
  readonly exclusive?: readonly string[];
  /** a whole number, not below `min`, not above `max` */
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** What the parser reads of an argument. */
export interface ArgData {
  readonly required?: boolean;
  readonly options?: readonly string[];
}

const as = async (input: unknown): Promise<unknown> => input;

function option(given: { readonly multiple?: boolean } = {}, own: object = {}): object {
  return { parse: as, ...own, ...given, input: [], multiple: given.multiple === true, type: 'option' };
}

/** A flag with a text. */
export const string = ((given) => option(given)) as typeof OclifFlags.string;
/** A flag with a whole number. */
export const integer = ((given) => option(given, { integer: true })) as typeof OclifFlags.integer;
/** A flag that is there or not. */
export const boolean = ((given) => ({
  parse: as,
  ...given,
  allowNo: false,
  type: 'boolean',
})) as typeof OclifFlags.boolean;
/** A word that is no flag. */
export const word = ((given) => ({ parse: as, ...given, input: [] })) as typeof OclifArgs.string;

/** Flags that every command takes. Their environment variables are read by settingsFrom; `env` here is for the help. */
export const globalFlags = {
  yes: boolean({ char: 'y', description: 'do not ask', helpGroup: 'GLOBAL' }),
  home: string({
    description: 'where gtpkg keeps its state',
    helpValue: 'DIR',
    helpGroup: 'GLOBAL',
    env: 'GTPKG_HOME',
  }),
  root: string({
    description: 'the directory installed into',
    helpValue: 'DIR',
    helpGroup: 'GLOBAL',
    env: 'GTPKG_ROOT',
  }),
  bootstrap: string({
    description: 'DHT node to start from (repeatable), or none',
    helpValue: 'HOST:PORT',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'GLOBAL',
    env: 'GTPKG_BOOTSTRAP',
  }),
  'no-lan': boolean({
    description: 'do not look for peers on the local network',
    helpGroup: 'GLOBAL',
    env: 'GTPKG_LAN',
  }),
  offline: boolean({ description: 'use no network', helpGroup: 'GLOBAL' }),
  timeout: integer({
    description: 'give up after so long without an answer',
    helpValue: 'SECONDS',
    min: 1,
    max: 86_400,
    helpGroup: 'GLOBAL',
    env: 'GTPKG_TIMEOUT',
  }),
  json: boolean({ description: 'print one JSON document', helpGroup: 'GLOBAL' }),
};
