/**
 * The process: finds the command that is meant, runs it, and turns every end into the promised exit status.
 *
 * A command of ours is found by its file and run at once. Help, completion and mistyped commands go through oclif.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GtpkgError } from '../model/errors.js';
import type { GtpkgCommand } from './command.js';
import { globalFlags } from './flags.js';

const COMMANDS = new URL('commands/', import.meta.url);
/** A handle that somebody forgot to close must not keep a finished command, ms. */
const GRACE = 1000;

interface CommandModule {
  readonly default: new () => GtpkgCommand<never, unknown>;
}

/** The program in one file: docs/adr/0019. */
export interface Bundled {
  /** by path: `index/create` */
  readonly commands: Readonly<Record<string, () => Promise<CommandModule>>>;
  /** this function as a module of its own; oclif looks at the commands' own files, and their errors are of their own classes */
  readonly whole: () => Promise<{ readonly main: typeof main }>;
}

/** What is to be run. */
interface Found {
  /** as it is typed */
  readonly name: string;
  readonly load: () => Promise<CommandModule>;
  readonly argv: readonly string[];
}

function isGlobalFlag(word: string): boolean {
  const [, name = ''] = /^--([a-z]+)(?:=.*)?$/s.exec(word) ?? [];
  return word === '-y' || Object.hasOwn(globalFlags, name);
}

// Global flags may stand before the command, too: they are moved behind it.
function frontFlagsLast(argv: readonly string[]): string[] {
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (!isGlobalFlag(word)) break;
    const flag = globalFlags[word.slice(2) as keyof typeof globalFlags] as { type: string } | undefined;
    if (flag?.type === 'option') at++;
  }
  const words = argv.slice(at);
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  return [...words.slice(0, end), ...argv.slice(0, at), ...words.slice(end)];
}

function fromFile(path: string): Found['load'] | undefined {
  const module = new URL(`${path}.js`, COMMANDS);
  return existsSync(module) ? () => import(module.href) as Promise<CommandModule> : undefined;
}

function findCommand(argv: readonly string[], commands: Bundled['commands'] | undefined): Found | undefined {
  for (const length of [2, 1]) {
    const words = argv.slice(0, length);
    if (words.length < length || !words.every((word) => /^[a-z][a-z-]*$/.test(word))) continue;
    const path = words.join('/');
    const load =
      commands === undefined ? fromFile(path) : Object.hasOwn(commands, path) ? commands[path] : undefined;
    if (load !== undefined) return { name: words.join(' '), load, argv: argv.slice(length) };
  }
  return undefined;
}

function asksForHelp(argv: readonly string[]): boolean {
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  return flags.includes('--help') || flags.includes('-h');
}

async function throughOclif(argv: readonly string[], root: URL): Promise<void> {
  const [first] = argv;
  const help = first === undefined || asksForHelp(argv);
  if (!help && first.startsWith('-') && !['--version', '-V'].includes(first))
    throw new GtpkgError('USAGE', isGlobalFlag(first) ? 'no command is named' : `there is no flag ${first}`, {
      hint: 'gtpkg help shows all commands.',
    });
  const flags = argv.findIndex((word) => word.startsWith('-'));
  const words = flags < 0 ? argv : argv.slice(0, flags);
  const typed = first === 'help' ? words : first === '-V' ? ['--version'] : argv;
  const { run } = await import('@oclif/core/run');
  await run(help ? [...words, '--help'] : [...typed], { root: fileURLToPath(root) });
}

/** A reader that went away (`gtpkg list | head`) is no failure; a full disk is. */
function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    void import('./render/failure.js').then(({ reportFailure }) =>
      process.exit(reportFailure(Object.assign(error, { path: 'standard output' }), false)),
    );
  });
  process.stderr.on('error', () => undefined);
}

/**
 * Runs one command line. Never throws: failures are printed and become the exit status.
 * @param typed - words after the program's name
 * @param root - URL of the package's top directory
 * @param bundled - where the modules are not files of their own
 */
export async function main(typed: readonly string[], root: URL, bundled?: Bundled): Promise<void> {
  const json = typed.includes('--json');
  const argv = frontFlagsLast(typed);
  const found = asksForHelp(argv) ? undefined : findCommand(argv, bundled?.commands);
  if (found === undefined && bundled !== undefined) return (await bundled.whole()).main(typed, root);
  watchOutput();
  try {
    if (found === undefined) await throughOclif(argv, root);
    else {
      const { default: Command } = await found.load();
      await new Command().run(found.name, found.argv);
    }
  } catch (error) {
    const { reportFailure } = await import('./render/failure.js');
    process.exitCode = reportFailure(error, json);
  }
  setTimeout(() => process.exit(), GRACE).unref();
}
