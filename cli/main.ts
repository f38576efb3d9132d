/**
 * The process: hands the command line to oclif and turns every end into the promised exit status.
 */
import { run } from '@oclif/core/run';
import { fileURLToPath } from 'node:url';
import { reportFailure } from './render/failure.js';

/** A reader that went away (`gtpkg list | head`) is no failure. */
function quietBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/**
 * Runs one command line. Never throws: failures are printed and become the exit status.
 * @param argv - words after the program's name
 * @param root - URL of the package's top directory
 */
export async function main(argv: string[], root: URL): Promise<void> {
  quietBrokenPipe();
  try {
    await run(argv, { root: fileURLToPath(root) });
  } catch (error) {
    process.exitCode = await reportFailure(error, argv.includes('--json'));
  }
}
