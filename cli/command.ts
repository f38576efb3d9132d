/**
 * The common shape of a command: parse → workflow → render. A command names its flags, calls one
 * workflow for data, and renders that data; failures, `--json` and closing are done here.
 */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import type { Interfaces } from '@oclif/core';
import { Context, settingsFrom } from './context.js';
import { draw } from './render/progress.js';

/** Flags that every command takes. */
export const globalFlags = {
  home: Flags.string({
    description: 'where gtpkg keeps its state',
    helpValue: 'DIR',
    helpGroup: 'GLOBAL',
    env: 'GTPKG_HOME',
  }),
  root: Flags.string({
    description: 'the directory installed into',
    helpValue: 'DIR',
    helpGroup: 'GLOBAL',
    env: 'GTPKG_ROOT',
  }),
  bootstrap: Flags.string({
    description: 'DHT node to start from (repeatable)',
    helpValue: 'HOST:PORT',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'GLOBAL',
  }),
  offline: Flags.boolean({ description: 'use no network', helpGroup: 'GLOBAL' }),
  timeout: Flags.integer({
    description: 'give up after so long without an answer',
    helpValue: 'SECONDS',
    min: 1,
    helpGroup: 'GLOBAL',
  }),
  json: Flags.boolean({ description: 'print one JSON document', helpGroup: 'GLOBAL' }),
  yes: Flags.boolean({ char: 'y', description: 'do not ask', helpGroup: 'GLOBAL' }),
};

/** The parsed flags of a command class. */
export type FlagsOf<T extends typeof Command> = Interfaces.InferredFlags<typeof globalFlags & T['flags']>;
/** The parsed arguments of a command class. */
export type ArgsOf<T extends typeof Command> = Interfaces.InferredArgs<T['args']>;

/** What a command is given. */
export interface Call<T extends typeof Command> {
  readonly context: Context;
  readonly flags: FlagsOf<T>;
  readonly args: ArgsOf<T>;
  /** all words that are not flags, for commands that take many */
  readonly words: readonly string[];
}

/** A command: `Data` is what its workflow returns and `--json` prints. */
export abstract class GtpkgCommand<T extends typeof Command, Data> extends Command {
  static override baseFlags = globalFlags;

  protected abstract work(call: Call<T>): Promise<Data>;
  /** Text for people; '' prints nothing. */
  protected abstract render(data: Data): string;
  /** The exit status that goes with the data: 0 unless a command knows better. */
  protected status(_data: Data): number {
    return 0;
  }

  async run(): Promise<void> {
    const { flags, args, argv } = await this.parse({
      flags: this.ctor.flags,
      baseFlags: (this.ctor as typeof GtpkgCommand).baseFlags,
      args: this.ctor.args,
      strict: this.ctor.strict,
    });
    const typed = flags as FlagsOf<T>;
    const drawing = draw({ json: typed.json });
    const context = new Context(settingsFrom(typed, process.env), {
      report: drawing.report,
      command: `gtpkg ${[...(this.id ?? '').split(':'), ...this.argv].join(' ')}`,
    });
    try {
      const data = await this.work({
        context,
        flags: typed,
        args: args as ArgsOf<T>,
        words: argv as string[],
      });
      drawing.close();
      const text = typed.json ? JSON.stringify(data) : this.render(data);
      if (text !== '') process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
      process.exitCode = this.status(data);
    } finally {
      drawing.close();
      await context.close();
    }
  }

  // Failures are printed once, in cli/main.ts.
  protected override async catch(error: Error): Promise<never> {
    throw error;
  }
}
