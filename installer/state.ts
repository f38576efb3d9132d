/**
 * Where a root keeps gtpkg's own state. docs/formats/root-state.md.
 *
 * Kept light: `gtpkg list` loads this and status.ts, nothing else of the room.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { joinPath, pathToBytes, type BytePath } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { MAX_STATE_FILE } from '../model/limits.js';
import { lookAtDisk, rootBytes, Walk } from './walk.js';

/** Path of the state below the root. */
export const STATE_DIR = 'var/lib/gtpkg';
/** The first line of `format`; a root with another one is left alone. */
export const FORMAT = 'gtpkg-root 1\n';

/** The files and directories of a root's state, as physical paths below the root. */
export interface StatePaths {
  readonly top: BytePath;
  readonly format: BytePath;
  readonly status: BytePath;
  readonly manifests: BytePath;
  readonly scripts: BytePath;
  readonly history: BytePath;
  readonly staging: BytePath;
  readonly journal: BytePath;
  readonly lock: BytePath;
  /** what maintainer scripts printed, one file a transaction */
  readonly log: BytePath;
}

/** @throws GtpkgError ROOT_OBSTRUCTED when something on the way is no directory or leads out of the root */
export function statePaths(dir: string): StatePaths {
  const root = resolve(dir);
  const top = new Walk(lookAtDisk(rootBytes(root)), root === '/').directory(STATE_DIR);
  const at = (name: string): BytePath => joinPath(top, name);
  return {
    top,
    format: at('format'),
    status: at('status'),
    manifests: at('manifests'),
    scripts: at('scripts'),
    history: at('history'),
    staging: at('staging'),
    journal: at('journal'),
    lock: at('lock'),
    log: at('log'),
  };
}

/**
 * A whole file of the state; undefined when it is not there.
 * @throws GtpkgError LIMIT_EXCEEDED, PERMISSION, IO_ERROR
 */
export function readStateFile(dir: string, path: BytePath): Buffer | undefined {
  const full = pathToBytes(`${rootBytes(resolve(dir))}/${path}`);
  try {
    const { size } = statSync(full);
    if (size > MAX_STATE_FILE) {
      throw new GtpkgError('LIMIT_EXCEEDED', `/${path} is larger than ${MAX_STATE_FILE} bytes`);
    }
    return readFileSync(full);
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new GtpkgError(
      code === 'EACCES' || code === 'EPERM' ? 'PERMISSION' : 'IO_ERROR',
      `/${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'Look at the permissions of the root and at the disk.', cause },
    );
  }
}
