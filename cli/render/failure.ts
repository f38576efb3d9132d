/**
 * A failure as a person reads it (stderr), or as a program does (`--json`, stdout).
 */
import pc from 'picocolors';
import { EXIT, GtpkgError, printable } from '../../model/index.js';

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

/** The exit status that `docs/cli/README.md` promises for this failure. */
export function exitStatus(error: unknown): number {
  if (error instanceof GtpkgError) return error.exit;
  if (error instanceof Error && (error as OclifError).code === 'EEXIT')
    return (error as OclifError).oclif?.exit ?? 0;
  return isUsage(error) ? EXIT.usage : EXIT.internal;
}

/** Failures of the parser and the unforeseen, in the one shape that is printed. */
export function asGtpkgError(error: unknown): GtpkgError {
  if (error instanceof GtpkgError) return error;
  if (isUsage(error)) {
    const lines = error.message.split('\n').map((line) => line.trim());
    const told = lines.filter(
      (line) =>
        line !== '' && line !== 'See more help with --help' && line !== 'The following errors occurred:',
    );
    return new GtpkgError('USAGE', told.join('; ') || 'the command line is wrong', {
      hint: 'gtpkg COMMAND --help shows what the command takes.',
      cause: error,
    });
  }
  return new GtpkgError('INTERNAL', error instanceof Error ? error.message : String(error), {
    hint: 'This is a bug in gtpkg: please report it with the lines above (GTPKG_DEBUG=1 prints the stack).',
    cause: error,
  });
}

/** Prints a failure once. Exits asked for by the parser (`--help`) print nothing. */
export function reportFailure(error: unknown, json: boolean): void {
  if (error instanceof Error && (error as OclifError).code === 'EEXIT') return;
  const failure = asGtpkgError(error);
  if (process.env['GTPKG_DEBUG'] !== undefined) process.stderr.write(`${inspectStack(failure)}\n`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: failure })}\n`);
    return;
  }
  process.stderr.write(`${pc.red(`error[${failure.code}]`)}: ${printable(failure.message)}\n`);
  if (failure.hint !== undefined) process.stderr.write(`  ${pc.dim('next:')} ${printable(failure.hint)}\n`);
}

function inspectStack(error: unknown): string {
  let out = '';
  for (let at = error; at instanceof Error; at = at.cause)
    out += `${out === '' ? '' : 'caused by '}${at.stack ?? at.message}\n`;
  return out;
}
