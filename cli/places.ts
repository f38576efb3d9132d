/**
 * The sources that this machine uses and the indexes that are kept here, as the home records them.
 *
 *     sources/<name>/  source.json  index.git/  state.json  query
 *     indexes/<name>/  index.json   index.git/
 *     packages/<name>.git
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  formatIntroduction,
  GtpkgError,
  parseCoreKey,
  parseIntroduction,
  systemCode,
  type CoreKey,
  type Introduction,
} from '../model/index.js';
import type { Context } from './context.js';
import { readText, writeWhole } from './files.js';

/** An index configured on this machine. */
export interface Source {
  readonly name: string;
  readonly introduction: Introduction;
  /** index cores that it had before it moved, newest first */
  readonly formerly?: readonly CoreKey[];
  readonly directory: string;
}

/** An index kept (signed) on this machine. */
export interface OwnIndex {
  readonly name: string;
  readonly indexCore: CoreKey;
  readonly introduction: Introduction;
  /** suite that publish uses when none is named */
  readonly suite: string;
  /** index cores that it had before it moved, newest first */
  readonly formerly?: readonly CoreKey[];
  readonly directory: string;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Names of sources and indexes: they become directory names. @throws GtpkgError BAD_NAME */
export function checkName(name: string): string {
  if (!NAME.test(name))
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" is not a name for a source or an index`, {
      hint: 'Lower-case letters, digits, dot, dash and underscore, at most 64.',
    });
  return name;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => NAME.test(name)).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Reads a record with `form`. @throws GtpkgError STATUS_CORRUPT with the path when it is damaged, however */
async function readRecord<T>(
  path: string,
  form: (record: Readonly<Record<string, unknown>>) => T,
): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return form(JSON.parse(text) as Readonly<Record<string, unknown>>);
  } catch (cause) {
    throw new GtpkgError('STATUS_CORRUPT', `${path} is damaged`, {
      hint: 'Put back a copy of it; or remove that file, and add what it tells of again.',
      data: { path },
      cause,
    });
  }
}

/** All sources, by name. */
export async function listSources(context: Context): Promise<Source[]> {
  const found = await Promise.all(
    (await namesIn(context.home('sources'))).map((name) => findSource(context, name)),
  );
  return found.filter((source) => source !== undefined);
}

/** One source, undefined when there is none of that name. */
export async function findSource(context: Context, name: string): Promise<Source | undefined> {
  const directory = context.home('sources', checkName(name));
  return readRecord(join(directory, 'source.json'), (record) => ({
    name,
    directory,
    introduction: parseIntroduction(String(record['introduction'])),
    ...formerlyOf(record),
  }));
}

function formerlyOf(record: Readonly<Record<string, unknown>>): { formerly?: readonly CoreKey[] } {
  const formerly = record['formerly'];
  return Array.isArray(formerly) ? { formerly: formerly.map((key) => parseCoreKey(String(key))) } : {};
}

/** The index core of a source or index, and those that it had before it moved. */
export function coresOf({
  introduction,
  formerly = [],
}: Pick<Source, 'introduction' | 'formerly'>): CoreKey[] {
  return [introduction.indexCore, ...formerly];
}

/** @throws GtpkgError SOURCE_NOT_FOUND */
export async function getSource(context: Context, name: string): Promise<Source> {
  const source = await findSource(context, name);
  if (source !== undefined) return source;
  const known = (await listSources(context)).map((each) => each.name);
  throw new GtpkgError('SOURCE_NOT_FOUND', `there is no source "${name}"`, {
    hint:
      known.length === 0
        ? 'Add one with gtpkg source add INTRODUCTION.'
        : `Known sources: ${known.join(', ')}.`,
  });
}

/** Records a source. */
export async function writeSource(
  context: Context,
  name: string,
  introduction: Introduction,
  formerly: readonly CoreKey[] = [],
): Promise<Source> {
  const directory = context.home('sources', checkName(name));
  await writeWhole(
    join(directory, 'source.json'),
    `${JSON.stringify({ introduction: formatIntroduction(introduction), ...(formerly.length > 0 ? { formerly } : {}) })}\n`,
  );
  return { name, directory, introduction, ...(formerly.length > 0 ? { formerly } : {}) };
}

/** Forgets a source and its copy of the index; packages and their cores stay. */
export async function removeSource(source: Source): Promise<void> {
  await rm(source.directory, { recursive: true, force: true });
}

/** All indexes kept here, by name. */
export async function listIndexes(context: Context): Promise<OwnIndex[]> {
  const found = await Promise.all(
    (await namesIn(context.home('indexes'))).map((name) => findIndex(context, name)),
  );
  return found.filter((index) => index !== undefined);
}

/** One index, undefined when there is none of that name. */
export async function findIndex(context: Context, name: string): Promise<OwnIndex | undefined> {
  const directory = context.home('indexes', checkName(name));
  return readRecord(join(directory, 'index.json'), (record) => ({
    name,
    directory,
    indexCore: parseCoreKey(String(record['indexCore'])),
    introduction: parseIntroduction(String(record['introduction'])),
    suite: String(record['suite']),
    ...formerlyOf(record),
  }));
}

/** @throws GtpkgError INDEX_NOT_FOUND */
export async function getIndex(context: Context, name: string): Promise<OwnIndex> {
  const index = await findIndex(context, name);
  if (index !== undefined) return index;
  const known = (await listIndexes(context)).map((each) => each.name);
  throw new GtpkgError('INDEX_NOT_FOUND', `no index "${name}" is kept in this home`, {
    hint:
      known.length === 0
        ? 'Make one with gtpkg index create NAME --key FINGERPRINT.'
        : `Indexes kept here: ${known.join(', ')}.`,
  });
}

/** Records an index kept here. */
export async function writeIndex(context: Context, index: Omit<OwnIndex, 'directory'>): Promise<OwnIndex> {
  const directory = context.home('indexes', checkName(index.name));
  const { indexCore, suite, formerly } = index;
  await writeWhole(
    join(directory, 'index.json'),
    `${JSON.stringify({ indexCore, suite, introduction: formatIntroduction(index.introduction), formerly })}\n`,
  );
  return { ...index, directory };
}
