/**
 * A failure as a person reads it (stderr), or as a program does (`--json`, stdout).
 */
import { err } from './colors.js';
import { EXIT, GtpkgError, printable, systemCode } from '../../model/index.js';
import { DISK_HINTS, systemFailure } from '../files.js';

interface OclifError extends Error {
  readonly oclif?: { readonly exit?: number };
  readonly code?: string;
}

function isUsage(error: unknown): error is OclifError {
  return (
    error instanceof Error &&
    (error as OclifError).oclif?.exit !== undefined &&
    (error as OclifError).code !== 'EEXIT'
  );
}

/** 128 and the number of SIGINT, as a shell reports it. */
const INTERRUPTED = 130;

/** Failures of oclif, of the system and the unforeseen, in the one shape that is printed. */
export function asGtpkgError(error: unknown): GtpkgError {
  if (error instanceof GtpkgError) return error;
  if (isUsage(error)) {
    const lines = error.message.split('\n').map((line) => line.trim());
    const told = lines.filter(
      (line) =>
        line !== '' && line !== 'See more help with --help' && line !== 'The following errors occurred:',
    );
    return new GtpkgError('USAGE', told.join('; ') || 'the command line is wrong', {
      hint: 'gtpkg help shows all commands.',
      cause: error,
    });
  }
  // a full or read-only disk is no bug, wherever it was met
  const system = systemCode(error) === undefined ? error : systemFailure(error, pathOf(error));
  if (system instanceof GtpkgError) return system;
  return new GtpkgError('INTERNAL', error instanceof Error ? error.message : String(error), {
    hint: 'This is a bug in gtpkg: please report it with the lines above (GTPKG_DEBUG=1 prints the stack).',
    cause: error,
  });
}

// Every failure names a next step; the rooms below name their own where they know a better one.
function withHint(failure: GtpkgError): GtpkgError {
  const { code, message, data } = failure;
  const hint = DISK_HINTS.get(code) ?? FALLBACK[failure.exit];
  if (failure.hint !== undefined || hint === undefined) return failure;
  return new GtpkgError(code, message, { hint, data, cause: failure });
}

const FALLBACK: Readonly<Record<number, string>> = {
  [EXIT.usage]: 'gtpkg COMMAND --help shows what the command takes.',
  [EXIT.notFound]: 'Check the name; gtpkg search and gtpkg list show what there is.',
  [EXIT.untrusted]: 'Nothing was changed. Tell whoever made this, over another way than it came.',
  [EXIT.network]: 'Try again later, or with a longer --timeout.',
};

function pathOf(error: unknown): string {
  const { path } = error as { path?: unknown };
  return typeof path === 'string' ? path : 'a file';
}

/**
 * Prints a failure once, and gives the exit status that `docs/cli/README.md` promises for it. Exits asked for by the parser
 * (`--help`) print nothing.
 */
export function reportFailure(error: unknown, json: boolean): number {
  if (error instanceof Error && (error as OclifError).code === 'EEXIT')
    return (error as OclifError).oclif?.exit ?? 0;
  // ^C at a question
  if (error instanceof Error && error.name === 'ExitPromptError') {
    process.stderr.write('Interrupted; nothing was changed.\n');
    return INTERRUPTED;
  }
  const failure = withHint(asGtpkgError(error));
  if (process.env['GTPKG_DEBUG'] !== undefined) process.stderr.write(`${inspectStack(failure)}\n`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: failure })}\n`);
    return failure.exit;
  }
  process.stderr.write(`${err.red(`error[${failure.code}]`)}: ${printable(failure.message)}\n`);
  if (failure.hint !== undefined) process.stderr.write(`  ${err.dim('next:')} ${printable(failure.hint)}\n`);
  return failure.exit;
}

function inspectStack(error: unknown): string {
  let out = '';
  for (let at = error; at instanceof Error; at = at.cause)
    out += `${out === '' ? '' : 'caused by '}${at.stack ?? at.message}\n`;
  return out;
}
