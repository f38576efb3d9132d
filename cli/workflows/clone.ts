/**
 * A package's git repository, made from the releases that peers hold: every release that a source lists, verified, with its tag.
 * The work tree is checked out by isomorphic-git, so no git is needed.
 */
import fs from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { compareVersions, GtpkgError, systemCode, type Oid } from '../../model/index.js';
import type { Context } from '../context.js';
import { systemFailure } from '../files.js';
import { getSource } from '../places.js';
import { OfferedUniverse, openSources } from './offers.js';
import { fetchCores } from './releases.js';
import { freshSource, keyOfSource } from './trusted-source.js';
import { notFound, parseWanted } from './versions.js';

/** A repository with a work tree. */
export interface Cloned {
  readonly name: string;
  readonly source: string;
  readonly directory: string;
  readonly branch: string;
  readonly tags: readonly string[];
}

/**
 * Clones all releases of one package from one source.
 * @throws GtpkgError SOURCE_NOT_FOUND, PACKAGE_NOT_FOUND, ALREADY_EXISTS, and what fetching and verifying throw; the directory is removed then
 */
export async function clonePackage(context: Context, word: string, directory: string): Promise<Cloned> {
  const { name, source: wanted } = parseWanted(word);
  const universe = new OfferedUniverse(await openSources(context));
  universe.checkSource(wanted);
  const offered = universe.versions(name).filter((each) => wanted === undefined || each.source === wanted);
  const first = offered[0];
  if (first === undefined)
    throw await notFound(name, universe.names(), wanted === undefined ? 'in any source' : `in ${wanted}`);
  const releases = offered
    .filter((each) => each.source === first.source)
    .sort((a, b) => compareVersions(a.version, b.version))
    .map((each) => each.offer.pin);
  const target = resolve(directory);
  await mustBeEmpty(target);
  const source = await getSource(context, first.source);
  await freshSource(context, source);
  await fetchCores(
    context,
    releases.map((pin) => ({ pin, source: source.name })),
  );
  const { storeRelease, tagName } = await import('../../package-repo/index.js');
  const { Repository } = await import('../../git/index.js');
  const branch = releases.at(-1)?.architecture ?? first.architecture;
  await mkdir(context.home('tmp'), { recursive: true });
  const scratch = await mkdtemp(context.home('tmp', 'clone-'));
  try {
    const gitdir = join(target, '.git');
    const repository = await Repository.init(gitdir, { head: `refs/heads/${branch}` });
    await writeFile(
      join(gitdir, 'config'),
      '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n',
    );
    const depot = await context.depot();
    const shallow: Oid[] = [];
    for (const pin of releases) {
      const keys = [await keyOfSource(source, pin.signer)];
      const stored = await storeRelease({
        repository,
        scratch,
        source: depot.source(pin.core),
        pin,
        keys,
        now: context.now,
      });
      if (stored.shallow) shallow.push(stored.commit);
    }
    await repository.setShallow(shallow);
    const { default: git } = await import('isomorphic-git');
    await git.checkout({ fs, dir: target, ref: branch });
    return { name, source: source.name, directory: target, branch, tags: releases.map(tagName) };
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw systemFailure(error, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function mustBeEmpty(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw systemFailure(error, directory);
  });
  if (found.length > 0)
    throw new GtpkgError('ALREADY_EXISTS', `${directory} is not empty`, {
      hint: 'Name a directory that does not exist yet.',
    });
}
