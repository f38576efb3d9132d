/** Looking at indexes: those kept here, and those of sources. */
import {
  compareBytes,
  compareVersions,
  formatIntroduction,
  GtpkgError,
  type Oid,
} from '../../model/index.js';
import type { IndexDifference } from '../../index-repo/index.js';
import type { Context } from '../context.js';
import { findIndex, findSource, getIndex, listIndexes } from '../places.js';
import { indexRepository } from './own-index.js';
import { pendingOf, type PendingPlace, type PendingSummary } from './pending.js';

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
  /** false: too few roots have signed even the first state */
  readonly published: boolean;
  /** what waits for signatures on top of it */
  readonly pending: readonly PendingSummary[];
}

/** One commit of an index. */
export interface IndexLogEntry {
  readonly sequence: number;
  readonly date: string;
  readonly commit: string;
  readonly anchor: boolean;
  /** too few roots have signed it yet */
  readonly pending: boolean;
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
): Promise<{ repository: string; introduction: string; place: PendingPlace }> {
  const place =
    (await findIndex(context, name)) ?? (await findSource(context, name)) ?? (await getIndex(context, name));
  const introduction = formatIntroduction(place.introduction);
  return { repository: indexRepository(place), introduction, place };
}

/** The head of an index kept here, or of a source. @throws GtpkgError INDEX_NOT_FOUND */
export async function showIndex(
  context: Context,
  name: string,
  options: { readonly pending?: boolean } = {},
): Promise<IndexDetails> {
  const { listEntries, showIndex: show } = await import('../../index-repo/index.js');
  const { repository: directory, introduction, place } = await anyIndex(context, name);
  const pending = await pendingOf(context, place, options.pending);
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
    published: !pending.some((each) => each.commit === commit),
    pending,
  };
}

/** What differs between two states. */
export interface IndexDiff {
  readonly name: string;
  /** their numbers */
  readonly from: number;
  readonly to: number;
  readonly differences: readonly IndexDifference[];
}

/**
 * @param range - numbers or commits; `to` is the newest when it is absent
 * @throws GtpkgError INDEX_NOT_FOUND, USAGE for a state that is not known here
 */
export async function diffOfIndex(
  context: Context,
  name: string,
  range: { readonly from: string; readonly to: string | undefined },
): Promise<IndexDiff> {
  const { diffIndex, indexLog } = await import('../../index-repo/index.js');
  const { repository } = await anyIndex(context, name);
  const states: { commit: Oid; sequence: number }[] = [];
  for await (const { commit, sequence } of indexLog(repository)) states.push({ commit, sequence });
  const find = (word: string): { commit: Oid; sequence: number } => {
    const found = states.filter(
      ({ commit, sequence }) => String(sequence) === word || (word.length >= 7 && commit.startsWith(word)),
    );
    const [state] = found;
    if (state !== undefined && found.length === 1) return state;
    throw new GtpkgError('USAGE', `${name} has no state "${word.slice(0, 60)}" here`, {
      hint: `gtpkg index log ${name} shows those that it has.`,
    });
  };
  const [from, to] = [find(range.from), range.to === undefined ? states[0] : find(range.to)];
  if (to === undefined) throw new GtpkgError('INDEX_NOT_FOUND', `${name} is empty`);
  const differences = await diffIndex(repository, from.commit, to.commit);
  return { name, from: from.sequence, to: to.sequence, differences };
}

/** Newest first. @throws GtpkgError INDEX_NOT_FOUND */
export async function logOfIndex(
  context: Context,
  name: string,
): Promise<{ name: string; log: IndexLogEntry[] }> {
  const { indexLog } = await import('../../index-repo/index.js');
  const { repository } = await anyIndex(context, name);
  const log: IndexLogEntry[] = [];
  for await (const { date, ...entry } of indexLog(repository)) {
    const { sequence, commit, anchor, pending, signers, changes } = entry;
    log.push({ sequence, date: date.toISOString(), commit, anchor, pending, signers, changes });
  }
  return { name, log };
}
