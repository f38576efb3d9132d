/**
 * The common shape of a command: parse → workflow → render. A command names its flags, calls one
 * workflow for data, and renders that data; failures, `--json` and closing are done here.
 *
 * The classes are what oclif takes for commands: their static members make its manifest, help and completion. They do not
 * extend its Command, whose module alone costs twice the start of Node.
 */
import type { Interfaces } from '@oclif/core';
import { GtpkgError } from '../model/errors.js';
import { Context, settingsFrom } from './context.js';
import { globalFlags, type ArgData, type FlagData } from './flags.js';
import { parseWords } from './parse.js';
import { draw } from './render/progress.js';
import { isPlain, loadWidths } from './render/width.js';

/** The static side of a command. */
export interface CommandClass {
  readonly summary: string;
  /** how it is written, without `gtpkg` */
  readonly usage: string;
  readonly flags: Interfaces.FlagInput;
  readonly args: Interfaces.ArgInput;
  readonly strict: boolean;
}

/** The parsed flags of a command class. */
export type FlagsOf<T extends CommandClass> = Interfaces.InferredFlags<typeof globalFlags & T['flags']>;
/** The parsed arguments of a command class. */
export type ArgsOf<T extends CommandClass> = Interfaces.InferredArgs<T['args']>;

/** What a command is given. */
export interface Call<T extends CommandClass> {
  readonly context: Context;
  readonly flags: FlagsOf<T>;
  readonly args: ArgsOf<T>;
  /** all words that are not flags, for commands that take many */
  readonly words: readonly string[];
}

/** A command: `Data` is what its workflow returns and `--json` prints; of undefined nothing is printed. */
export abstract class GtpkgCommand<T extends CommandClass, Data> {
  static summary = '';
  static usage = '';
  static description: string | undefined;
  static examples: string[] = [];
  static flags: Interfaces.FlagInput = {};
  static baseFlags: Interfaces.FlagInput = globalFlags;
  static args: Interfaces.ArgInput = {};
  static strict = true;

  /** oclif takes what has this for a command. */
  static run(
    this: (new () => GtpkgCommand<CommandClass, unknown>) & { readonly id: string },
    argv: readonly string[],
  ): Promise<void> {
    return new this().run(this.id.replaceAll(':', ' '), argv);
  }

  protected abstract work(call: Call<T>): Promise<Data>;
  /** Text for people; '' prints nothing. */
  protected abstract render(data: Data): string;
  /** The exit status that goes with the data: 0 unless a command knows better. */
  protected status(_data: Data): number {
    return 0;
  }

  /**
   * Runs it and prints what comes of it.
   * @param name - of the command, as it is typed
   * @param argv - what follows the name
   * @throws GtpkgError USAGE, and what the workflow throws
   */
  async run(name: string, argv: readonly string[]): Promise<void> {
    const { flags, args, strict, usage } = this.constructor as unknown as CommandClass;
    try {
      const parsed = await parseWords(
        {
          flags: { ...globalFlags, ...flags } as unknown as Record<string, FlagData>,
          args: args as unknown as Record<string, ArgData>,
          strict,
        },
        argv,
      );
      await this.#run(parsed as unknown as Omit<Call<T>, 'context'>, `gtpkg ${[name, ...argv].join(' ')}`);
    } catch (error) {
      throw withUsage(error, name, usage);
    }
  }

  async #rendered(data: Data): Promise<string> {
    const text = this.render(data);
    if (isPlain(text)) return text;
    await loadWidths();
    return this.render(data);
  }

  async #run(parsed: Omit<Call<T>, 'context'>, command: string): Promise<void> {
    const { json } = parsed.flags;
    const drawing = draw({ json });
    const context = new Context(settingsFrom(parsed.flags, process.env), {
      report: drawing.report,
      say: (text) => drawing.say(text),
      command,
    });
    try {
      const data = await this.work({ ...parsed, context });
      drawing.close();
      const text = data === undefined ? '' : json ? JSON.stringify(data) : await this.#rendered(data);
      if (text !== '') process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
      process.exitCode = this.status(data);
    } finally {
      drawing.close();
      await context.close();
    }
  }
}

// Who wrote a command wrongly is shown how it is written.
function withUsage(error: unknown, name: string, usage: string): unknown {
  if (!(error instanceof GtpkgError) || error.code !== 'USAGE' || error.hint !== undefined) return error;
  return new GtpkgError('USAGE', error.message, {
    hint: `gtpkg ${usage}   (more: gtpkg ${name} --help)`,
    data: error.data,
    cause: error,
  });
}
