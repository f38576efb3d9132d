/**
 * Publishing: build, sign, image, core, entry, signed index commit, index core. Each step is safe to repeat: what is there already
 * is left as it is, and an interrupted publish is finished by running it again.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  GtpkgError,
  type Control,
  type CoreKey,
  type ReleaseId,
  type ReleasePin,
} from '../../model/index.js';
import type { Signer } from '../../trust/index.js';
import type { Context } from '../context.js';
import { makeDirectory } from '../files.js';
import { getIndex, type OwnIndex } from '../places.js';
import { cosignaturesToList } from './cosigners.js';
import { makeDeltas } from './deltas.js';
import { enlist, type Prepared, type Published } from './enlist.js';
import { showIndex } from './index-views.js';
import { signerFor } from './keys.js';
import { indexRepository, indexSigners } from './own-index.js';
import { buildFrom, chooseRelease, readInput, releaseSigner, type TaggedRelease } from './packages.js';
import { toldBy } from './trust-told.js';
import { someWords } from './versions.js';

/** As the command line says it. */
export interface PublishOptions {
  readonly paths: readonly string[];
  readonly index: string;
  readonly suite: string | undefined;
  readonly key: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly compression: number | undefined;
  /** older releases of each package to make a delta from */
  readonly deltas: number;
  readonly allowOlder: boolean;
  readonly dryRun: boolean;
}

/** @throws GtpkgError INDEX_NOT_FOUND, KEY_NOT_FOUND, ALREADY_EXISTS, and what reading the inputs throws */
export async function publish(context: Context, options: PublishOptions): Promise<Published> {
  const index = await getIndex(context, options.index);
  const suite = options.suite ?? index.suite;
  someWords(options.paths, 'directory, .deb or package repository');
  if (options.dryRun) return dryPublish(context, index, suite, options.paths);
  const signers = await indexSigners(context, index, options.passphraseFile);
  const signer =
    options.key === undefined ? signers[0] : await signerFor(context, options.key, options.passphraseFile);
  if (signer === undefined) throw new GtpkgError('KEY_NOT_FOUND', 'there is no key to sign with');
  await makeDirectory(context.home('tmp'));
  const scratch = await mkdtemp(context.home('tmp', 'publish-'));
  try {
    const prepared: Prepared[] = [];
    context.report({ kind: 'start', id: 'publish', label: 'Publishing', total: options.paths.length });
    for (const path of options.paths) {
      context.report({ kind: 'advance', id: 'publish', done: prepared.length, note: path });
      prepared.push(
        await prepare(context, {
          index,
          suite,
          path,
          signer,
          keyNamed: options.key !== undefined,
          scratch,
          compression: options.compression,
          deltas: options.deltas,
        }),
      );
    }
    context.report({ kind: 'end', id: 'publish' });
    return await enlist(context, { index, suite, prepared, signers, allowOlder: options.allowOlder });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function isRepository(path: string): Promise<boolean> {
  const found = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) =>
      stat(join(path, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.every(Boolean);
}

/** One release, signed, as a core in the store, with its entry. */
async function prepare(
  context: Context,
  job: {
    index: OwnIndex;
    suite: string;
    path: string;
    signer: Signer;
    keyNamed: boolean;
    scratch: string;
    compression: number | undefined;
    deltas: number;
  },
): Promise<Prepared> {
  const { signRelease, writeImage } = await import('../../package-repo/index.js');
  const { entriesOf, entryFrom } = await import('../../index-repo/index.js');
  const { repository, id } = await releaseOf(context, job.path);
  const choice = { name: repository, version: id.version, architecture: id.architecture };
  // a maintainer's own signature, made earlier, is what is wanted; without one, the key at hand signs
  if ((await chooseRelease(context, choice)).release.tag === undefined || job.keyNamed)
    await signRelease(repository, id, job.signer);
  const release = (await chooseRelease(context, choice)).release as TaggedRelease;
  const key = await releaseSigner(context, release);
  const listed = (await entriesOf(indexRepository(job.index), job.suite, id.name)).find(
    (entry) => entry.pin.tag === release.tag.oid,
  );
  const depot = await context.depot({ local: true });
  if (listed !== undefined) {
    const [held] = await depot.held([listed.pin.core]);
    if (held === listed.pin.core.byteLength)
      return withCosigners(context, repository, { entry: listed, key });
  }
  const file = join(job.scratch, 'image');
  const note = `${id.name} ${id.version}`;
  context.report({ kind: 'start', id: 'compress', label: 'Compressing', unit: 'bytes' });
  try {
    await writeImage(repository, id, file, {
      ...(job.compression === undefined ? {} : { level: job.compression }),
      onProgress: (done, total) => context.report({ kind: 'advance', id: 'compress', done, total, note }),
    });
  } finally {
    context.report({ kind: 'end', id: 'compress' });
  }
  const core = await depot.putStatic(file);
  await rm(file);
  // the same release packed by another zstd is another core: the one that is listed stays
  if (listed !== undefined) return withCosigners(context, repository, { entry: listed, key });
  const pin: ReleasePin = {
    ...id,
    core,
    tag: release.tag.oid,
    tree: release.tag.tree,
    signer: key.fingerprint,
  };
  const { scratch, deltas: count } = job;
  const deltas = await makeDeltas(context, { repository, id, core, count, scratch });
  const entry = entryFrom(release.control, pin, deltas);
  const paths = release.manifest.map(({ path }) => path);
  const listable = await withCosigners(context, repository, { entry, key });
  return { ...listable, state: 'published', paths, told: toldBy(release) };
}

// Co-signatures that have come since it was listed are reason enough to list it again.
async function withCosigners(
  context: Context,
  repository: string,
  { entry, key }: Pick<Prepared, 'entry' | 'key'>,
): Promise<Prepared> {
  const { amendEntry } = await import('../../index-repo/index.js');
  const known = new Set(entry.cosignatures.map(({ signer }) => signer));
  const fresh = (await cosignaturesToList(context, repository, entry.pin)).filter(
    ({ cosignature }) => !known.has(cosignature.signer),
  );
  if (fresh.length === 0) return { entry, key, state: 'unchanged' };
  const cosignatures = [...entry.cosignatures, ...fresh.map(({ cosignature }) => cosignature)];
  return {
    ...{ entry: amendEntry(entry, { cosignatures }), key, state: 'published' },
    cosigners: fresh.map((each) => each.key),
  };
}

async function releaseOf(context: Context, path: string): Promise<{ repository: string; id: ReleaseId }> {
  if (await isRepository(path)) {
    const { repository, release } = await chooseRelease(context, {
      name: path.includes('/') ? path : `./${path}`,
    });
    return { repository, id: release.id };
  }
  const built = await buildFrom(context, path, { accept: await listable() });
  return {
    repository: built.repository,
    id: { name: built.name, version: built.version, architecture: built.architecture },
  };
}

/** Refuses a control file that no index can list, before anything is made of it. @throws GtpkgError CONTROL_MALFORMED */
async function listable(): Promise<(control: Control) => void> {
  const { entryFrom } = await import('../../index-repo/index.js');
  return (control) => {
    const { name, version, architecture } = control;
    const zeros = (length: number): never => '0'.repeat(length) as never;
    const core = { key: 'y'.repeat(52) as CoreKey, byteLength: 1 };
    try {
      entryFrom(control, {
        name,
        version,
        architecture,
        core,
        tag: zeros(40),
        tree: zeros(64),
        signer: zeros(40),
      });
    } catch (error) {
      if (!(error instanceof GtpkgError) || error.code !== 'ENTRY_MALFORMED') throw error;
      throw new GtpkgError('CONTROL_MALFORMED', error.message, {
        hint: 'Take that out of the control file and publish again.',
        cause: error,
      });
    }
  };
}

async function dryPublish(
  context: Context,
  index: OwnIndex,
  suite: string,
  paths: readonly string[],
): Promise<Published> {
  const { entriesOf } = await import('../../index-repo/index.js');
  const accept = await listable();
  const releases: Published['releases'][number][] = [];
  for (const path of paths) {
    if (await isRepository(path)) {
      const { release } = await chooseRelease(context, { name: path.includes('/') ? path : `./${path}` });
      releases.push({ ...release.id, core: null, size: 0, state: 'published' });
      continue;
    }
    const input = await readInput(path);
    try {
      accept(input.control);
      const { name, version, architecture } = input.control;
      const listed = (await entriesOf(indexRepository(index), suite, name)).some(
        (entry) => entry.pin.version === version && entry.pin.architecture === architecture,
      );
      releases.push({
        name,
        version,
        architecture,
        core: null,
        size: 0,
        state: listed ? 'unchanged' : 'published',
      });
    } finally {
      await input.close();
    }
  }
  const { sequence, introduction } = await showIndex(context, index.name);
  const nothing = { changed: false, dryRun: true, pending: [] };
  return { index: index.name, suite, sequence, introduction, releases, ...nothing };
}
