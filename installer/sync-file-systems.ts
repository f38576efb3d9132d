/** Waits until whole file systems are on the disk. Node has no call for it. ADR 0005. */
import { promisify } from 'node:util';
import { systemCode } from '../model/errors.js';

/** syncfs(2) through coreutils. True when done; false when there is no such program here, or it knows no -f. @throws when the disk failed */
export async function syncFileSystems(tops: readonly string[]): Promise<boolean> {
  const { execFile } = await import('node:child_process');
  try {
    await promisify(execFile)('sync', ['-f', '--', ...tops], { env: { ...process.env, LC_ALL: 'C' } });
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    const { stderr } = error as { stderr?: unknown };
    const said = typeof stderr === 'string' ? stderr : '';
    if (/option|usage|No such file/i.test(said)) return false;
    throw Object.assign(new Error(`sync: ${said.trim()}`), {
      code: /No space/.test(said) ? 'ENOSPC' : 'EIO',
    });
  }
}
