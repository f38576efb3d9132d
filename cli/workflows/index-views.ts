/** Looking at indexes: those kept here, and those of sources. */
import { compareBytes, compareVersions, formatIntroduction } from '../../model/index.js';
import type { Context } from '../context.js';
import { findIndex, findSource, getIndex, listIndexes } from '../places.js';
import { indexRepository } from './own-index.js';

/** One release in an index. */
export interface ListedEntry {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly suite: string;
  readonly size: number;
  readonly core: string;
  readonly signer: string;
  readonly summary: string;
}

/** All indexes, or one. */
export type IndexListing =
  | {
      readonly kind: 'indexes';
      readonly indexes: readonly {
        readonly name: string;
        readonly sequence: number;
        readonly releases: number;
        readonly introduction: string;
      }[];
    }
  | { readonly kind: 'entries'; readonly name: string; readonly entries: readonly ListedEntry[] };

/** The head of an index. */
export interface IndexDetails {
  readonly name: string;
  readonly sequence: number;
  readonly date: string;
  readonly validUntil: string;
  readonly suites: readonly string[];
  readonly architectures: readonly string[];
  readonly threshold: number;
  readonly roots: readonly string[];
  readonly commit: string;
  readonly releases: number;
  readonly forkedFrom: string | null;
  readonly introduction: string;
}

/** One commit of an index. */
export interface IndexLogEntry {
  readonly sequence: number;
  readonly date: string;
  readonly commit: string;
  readonly anchor: boolean;
  readonly signers: readonly string[];
  readonly changes: readonly string[];
}

/** All indexes kept here, or the releases of one index or source. */
export async function listIndex(context: Context, name: string | undefined): Promise<IndexListing> {
  const { listEntries } = await import('../../index-repo/index.js');
  if (name === undefined) {
    const indexes = await Promise.all(
      (await listIndexes(context)).map(async (index) => {
        const { sequence, releases, introduction } = await showIndex(context, index.name);
        return { name: index.name, sequence, releases, introduction };
      }),
    );
    return { kind: 'indexes', indexes };
  }
  const { repository } = await anyIndex(context, name);
  const entries: ListedEntry[] = [];
  for await (const { suite, entry } of listEntries(repository)) {
    const { pin, control } = entry;
    const { name: listed, version, architecture, core, signer } = pin;
    entries.push({
      name: listed,
      version,
      architecture,
      suite,
      size: core.byteLength,
      core: core.key,
      signer,
      summary: control.summary,
    });
  }
  entries.sort((a, b) => compareBytes(a.name, b.name) || compareVersions(a.version, b.version));
  return { kind: 'entries', name, entries };
}

// An index kept here goes before a source of the same name: its repository is the newer one.
async function anyIndex(
  context: Context,
  name: string,
): Promise<{ repository: string; introduction: string }> {
  const place =
    (await findIndex(context, name)) ?? (await findSource(context, name)) ?? (await getIndex(context, name));
  return { repository: indexRepository(place), introduction: formatIntroduction(place.introduction) };
}

/** The head of an index kept here, or of a source. @throws GtpkgError INDEX_NOT_FOUND */
export async function showIndex(context: Context, name: string): Promise<IndexDetails> {
  const { listEntries, showIndex: show } = await import('../../index-repo/index.js');
  const { repository: directory, introduction } = await anyIndex(context, name);
  const { commit, distribution, authorizations } = await show(directory);
  let releases = 0;
  for await (const each of listEntries(directory)) releases += each === undefined ? 0 : 1;
  return {
    name: distribution.name,
    sequence: distribution.sequence,
    date: distribution.date.toISOString(),
    validUntil: distribution.validUntil.toISOString(),
    suites: distribution.suites,
    architectures: distribution.architectures,
    threshold: authorizations.threshold,
    roots: authorizations.roots,
    commit,
    releases,
    forkedFrom: distribution.forkedFrom ?? null,
    introduction,
  };
}

/** Newest first. @throws GtpkgError INDEX_NOT_FOUND */
export async function logOfIndex(
  context: Context,
  name: string,
): Promise<{ name: string; log: IndexLogEntry[] }> {
  const { indexLog } = await import('../../index-repo/index.js');
  const { repository } = await anyIndex(context, name);
  const log: IndexLogEntry[] = [];
  for await (const { sequence, date, commit, anchor, signers, changes } of indexLog(repository)) {
    log.push({ sequence, date: date.toISOString(), commit, anchor, signers, changes });
  }
  return { name, log };
}
