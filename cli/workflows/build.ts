/**
 * Releases from directories and .deb files: each becomes a commit in the repository of its package.
 */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import {
  EXIT,
  GtpkgError,
  systemCode,
  type Control,
  type ErrorCode,
  type ReleaseId,
} from '../../model/index.js';
import type { PackageInput } from '../../package-repo/index.js';
import type { Context } from '../context.js';
import { systemFailure } from '../files.js';
import { someWords } from './versions.js';

/** A release as a commit. */
export interface BuiltRelease extends ReleaseId {
  readonly dryRun: boolean;
  /** null with `dryRun` */
  readonly commit: string | null;
  readonly tree: string | null;
  readonly repository: string;
  /** false when the very same release was there already */
  readonly changed: boolean;
}

/** The repository of a package in this home. */
export function repositoryOf(context: Context, name: string): string {
  return context.home('packages', `${name}.git`);
}

async function commit(
  context: Context,
  input: PackageInput,
  { repo, dryRun = false }: BuildOptions,
): Promise<BuiltRelease> {
  const { name, version, architecture } = input.control;
  const repository = repo === undefined ? repositoryOf(context, name) : resolve(repo);
  if (dryRun)
    return { name, version, architecture, dryRun, commit: null, tree: null, repository, changed: true };
  const { commitRelease } = await import('../../package-repo/index.js');
  const { id, commit: oid, tree, changed } = await commitRelease(repository, input);
  return { ...id, dryRun, commit: oid, tree, repository, changed };
}

/** How a release is built. */
export interface BuildOptions {
  /** the package repository; in the home if it is not named */
  readonly repo?: string | undefined;
  /** read and check everything, write nothing */
  readonly dryRun?: boolean;
  /** may refuse it before anything is written */
  readonly accept?: (control: Control) => void;
}

/** What to do about each kind of input that cannot be read. */
const REPAIR: Partial<Readonly<Record<ErrorCode, string>>> = {
  CONTROL_MALFORMED: 'Correct the control file: one paragraph in UTF-8, fields as in deb-control(5).',
  DEB_MALFORMED: 'Fetch or build the file again; dpkg-deb --info shows what dpkg makes of it.',
  DEB_UNSAFE: 'Do not install this file. Honest tools do not make such archives.',
  SOURCE_DIR_MALFORMED: 'A package directory has control and data/, and may have conffiles and scripts/.',
};

// Of several files it must be clear which one is meant.
function inputFailure(error: unknown, path: string): unknown {
  if (!(error instanceof GtpkgError) || error.exit !== EXIT.usage) return error;
  const { code, message, data } = error;
  const hint = error.hint ?? REPAIR[code];
  return new GtpkgError(code, message.includes(basename(path)) ? message : `${path}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { ...data, path },
    cause: error,
  });
}

/**
 * Reads what a user may hand to publish: a directory, a .deb. Must be closed.
 * @throws GtpkgError FILE_NOT_FOUND, SOURCE_DIR_MALFORMED, CONTROL_MALFORMED, DEB_…
 */
export async function readInput(path: string): Promise<PackageInput> {
  const { readDeb, readDirectory } = await import('../../package-repo/index.js');
  const kind = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('FILE_NOT_FOUND', `${path} does not exist`, {
        hint: 'Name a directory with a control file, or a .deb.',
        cause: error,
      });
    throw systemFailure(error, path);
  });
  try {
    return kind.isDirectory() ? await readDirectory(path) : await readDeb(path);
  } catch (error) {
    throw inputFailure(error, path);
  }
}

/**
 * Commits what `path` holds into its package repository.
 * @throws GtpkgError as readInput; ALREADY_EXISTS
 */
export async function buildFrom(
  context: Context,
  path: string,
  options: BuildOptions = {},
): Promise<BuiltRelease> {
  const input = await readInput(path);
  try {
    options.accept?.(input.control);
    return await commit(context, input, options);
  } catch (error) {
    throw inputFailure(error, path);
  } finally {
    await input.close();
  }
}

/** Imports .deb files in the order given. @throws GtpkgError DEB_MALFORMED, DEB_UNSAFE */
export async function importPackages(
  context: Context,
  files: readonly string[],
  options: BuildOptions,
): Promise<BuiltRelease[]> {
  someWords(files, '.deb file');
  const releases: BuiltRelease[] = [];
  context.report({ kind: 'start', id: 'import', label: 'Importing', total: files.length });
  for (const file of files) {
    releases.push(await buildFrom(context, file, options));
    context.report({ kind: 'advance', id: 'import', done: releases.length, note: file });
  }
  context.report({ kind: 'end', id: 'import' });
  return releases;
}
