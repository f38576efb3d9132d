/**
 * Runs a transaction: plan, survey, stage while verifying, journal, place, commit, clear up. ADR 0005.
 *
 * 1. Nothing outside the staging areas is touched before every release was extracted and verified to its end.
 * 2. Staged data, then the journal, are on the disk before the first change to the root.
 * 3. An error before the commit undoes everything; a kill leaves it to the next openRoot.
 * 4. After the commit nothing is undone; only backups and empty directories are left to remove.
 */
import { userInfo } from 'node:os';
import { setImmediate as breathe } from 'node:timers/promises';
import { joinPath, pathToText, type BytePath } from '../model/bytes.js';
import type { Report } from '../model/events.js';
import { GtpkgError } from '../model/errors.js';
import { gatherClaims, readManifest } from './claims.js';
import {
  composeOperations,
  conffileDecisions,
  keptConffiles,
  type ComposeContext,
  type KeptConffile,
} from './compose.js';
import type { ConffilePolicy } from './conffiles.js';
import { diskError } from './disk-error.js';
import { formatHistory, historyChange, historyName, nextId } from './history.js';
import { commitJournal, touchedDirectories, uncommitJournal, writeJournal, type Journal } from './journal.js';
import { perform, type Operation } from './operations.js';
import { Owners } from './owners.js';
import {
  leavingNames,
  planTransaction,
  type PackageChange,
  type PlanInput,
  type TransactionPlan,
  type TransactionStep,
} from './plan.js';
import { finish, recover, rollBack, sweepStaging } from './recover.js';
import type { OpenRoot } from './root.js';
import { Staging } from './stage.js';
import { formatStatus, type InstalledPackage, type RootStatus } from './status.js';
import { survey as makeSurvey, type Survey } from './survey.js';

export interface TransactionRequest {
  readonly steps: readonly TransactionStep[];
  /** as the user gave it, for the history */
  readonly command: string;
  readonly now: Date;
  /** by source: the index commit that the plan followed */
  readonly indexCommits: Readonly<Record<string, string>>;
  readonly report: Report;
  /** what to do with conffiles that the user and the package changed; default `keep` */
  readonly conffilePolicy?: ConffilePolicy;
}

/** What a transaction would do, or did. */
export interface TransactionPreview {
  readonly changes: readonly PackageChange[];
  /** bytes of files that are written */
  readonly bytes: number;
  readonly keptConffiles: readonly KeptConffile[];
  /** packages with maintainer scripts, which are kept and not run */
  readonly scriptsNotRun: readonly string[];
  /** for people */
  readonly notes: readonly string[];
}

export interface TransactionResult extends TransactionPreview {
  /** number in the history; undefined when there was nothing to do */
  readonly id: number | undefined;
  readonly installed: readonly InstalledPackage[];
  /** what was there before; those whose conffiles stay included */
  readonly removed: readonly InstalledPackage[];
}

// Payloads extracted at once: decompression and disk overlap, and memory stays bounded.
const PARALLEL = 2;
const ADVANCE_EVERY = 1024 * 1024;

interface Prepared {
  readonly root: OpenRoot;
  readonly id: number;
  readonly input: PlanInput;
  readonly plan: TransactionPlan;
  readonly survey: Survey;
  readonly compose: ComposeContext;
}

/**
 * Carries out `request` in a root opened `exclusive`.
 * @throws GtpkgError FILE_CONFLICT, ROOT_OBSTRUCTED, NOT_INSTALLED, NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR, PAYLOAD_CORRUPT, and
 *   whatever a release's extract() throws; the root is as before then
 */
export async function runTransaction(
  root: OpenRoot,
  request: TransactionRequest,
): Promise<TransactionResult> {
  if (root.lock !== 'exclusive')
    throw new GtpkgError('INTERNAL', 'a transaction needs the root opened exclusive');
  const { report } = request;
  // an earlier one in this process could not be cleared away
  if (root.disk.exists(root.state.journal)) await recover(root.disk, root.state);
  const prepared = prepare(root, request);
  const { plan } = prepared;
  if (plan.changes.length === 0)
    return { id: undefined, installed: [], removed: [], ...previewOf(prepared, []) };
  const label = plan.incoming.length > 0 ? 'Installing' : 'Removing';
  report({ kind: 'start', id: 'transaction', label, total: plan.bytes, unit: 'bytes' });
  try {
    const staged = await stage(prepared, request);
    const { changes } = plan;
    const left = (await place(prepared, staged.journal, report)).filter(
      (path) =>
        !changes.some(({ to }) => to?.conffiles.some((conffile) => conffile.path.startsWith(`${path}/`))),
    );
    const notes = [
      ...staged.preview.notes,
      ...left.map((path) => `/${pathToText(path)} is not empty and stays`),
    ];
    return {
      ...staged.preview,
      id: prepared.id,
      notes,
      installed: changes.flatMap(({ action, to }) =>
        to?.state === 'installed' && action !== 'mark' ? to : [],
      ),
      removed: changes.flatMap(({ action, from }) =>
        (action === 'remove' || action === 'purge') && from !== undefined ? from : [],
      ),
    };
  } finally {
    report({ kind: 'end', id: 'transaction' });
  }
}

/**
 * What `steps` would do, and whether files are in the way; changes nothing. Any lock mode.
 * @throws GtpkgError as runTransaction's planning does
 */
export async function previewTransaction(
  root: OpenRoot,
  request: Pick<TransactionRequest, 'steps' | 'conffilePolicy'>,
): Promise<TransactionPreview> {
  try {
    const prepared = prepare(root, request);
    return previewOf(prepared, keptConffiles(await conffileDecisions(prepared.compose)));
  } catch (error) {
    throw diskError(error, 'looking at the root');
  }
}

function prepare(
  root: OpenRoot,
  { steps, conffilePolicy }: Pick<TransactionRequest, 'steps' | 'conffilePolicy'>,
): Prepared {
  try {
    const { disk, state, dir } = root;
    const status = root.status();
    const leaving = leavingNames(status, steps);
    const manifests = new Map(
      [...leaving].flatMap((name) => {
        const pkg = status.get(name);
        return pkg === undefined ? [] : [[name, readManifest(dir, pkg, state)] as const];
      }),
    );
    const wanted = new Set<string>();
    for (const step of steps)
      if (step.kind === 'install') for (const { path } of step.release.manifest) wanted.add(path);
    for (const manifest of manifests.values()) for (const { path } of manifest) wanted.add(path);
    for (const name of leaving) for (const { path } of status.get(name)?.conffiles ?? []) wanted.add(path);
    const input: PlanInput = {
      status,
      steps,
      manifests,
      claims: gatherClaims(dir, status, { leaving, wanted }),
    };
    const plan = planTransaction(input);
    const id = nextId(dir);
    const survey = makeSurvey(plan, { disk, state, input, id: String(id) });
    const policy = conffilePolicy ?? 'keep';
    const compose: ComposeContext = { disk, owners: new Owners(disk), plan, input, survey, policy };
    return { root, id, input, plan, survey, compose };
  } catch (error) {
    throw diskError(error, 'planning the transaction');
  }
}

function previewOf(
  { plan, survey }: Prepared,
  kept: readonly KeptConffile[],
  ownersSkipped = 0,
): TransactionPreview {
  const conffiles = new Set<string>(plan.conffiles.map(({ path }) => path));
  const strangers = survey.strangers.filter((path) => !conffiles.has(path));
  const notes: string[] = [];
  if (strangers.length > 0) {
    const more = strangers.length > 1 ? ` and ${strangers.length - 1} more` : '';
    notes.push(`/${pathToText(strangers[0] ?? '')}${more} belonged to no package and is replaced`);
  }
  for (const { path, kept: which, other } of kept) {
    const place = other === undefined ? '' : `, the ${which === 'user' ? 'new' : 'old'} one is ${other}`;
    notes.push(
      `${path}: ${which === 'user' ? 'your version is kept' : 'the new version is in place'}${place}`,
    );
  }
  if (ownersSkipped > 0)
    notes.push(`${ownersSkipped} paths belong to you instead of the users that their packages name`);
  const scriptsNotRun = plan.incoming
    .filter(({ release }) => release.scripts.size > 0)
    .map(({ name }) => name);
  return { changes: plan.changes, bytes: plan.bytes, keptConffiles: kept, scriptsNotRun, notes };
}

async function stage(
  prepared: Prepared,
  request: TransactionRequest,
): Promise<{ journal: Journal; preview: TransactionPreview }> {
  const { root, survey, plan, compose } = prepared;
  const staging = new Staging(root.disk, survey, compose.owners);
  try {
    sweepStaging(root.disk, root.state);
    checkSpace(prepared);
    staging.open();
    await extractAll(prepared, staging, request.report);
    staging.finish();
    const decisions = await conffileDecisions(compose);
    const operations = composeOperations(compose, decisions);
    const preview = previewOf(prepared, keptConffiles(decisions), staging.ownersSkipped);
    if (staging.ownersSkipped > 0) {
      const text = 'Owners and set-uid bits of some files were not set, because gtpkg does not run as root.';
      request.report({ kind: 'warning', text });
    }
    operations.push(...stateOperations(prepared, staging, { request, notes: preview.notes }));
    request.report({ kind: 'advance', id: 'transaction', done: plan.bytes, note: 'writing to the disk' });
    await root.disk.flush(
      staging.written,
      survey.areas.map((area) => area.path),
    );
    const areas = survey.areas.map((area) => area.path);
    return {
      journal: { id: prepared.id, command: request.command, areas, prune: survey.prune, operations },
      preview,
    };
  } catch (error) {
    try {
      sweepStaging(root.disk, root.state);
    } catch {
      // the first error says more; the next exclusive openRoot sweeps again
    }
    throw diskError(error, 'staging');
  }
}

function checkSpace({ root, survey }: Prepared): void {
  const need = new Map<string, number>();
  for (const { area, slot } of survey.placements)
    need.set(area.path, (need.get(area.path) ?? 0) + slot.entry.size);
  for (const { path } of survey.areas) {
    const wanted = need.get(path) ?? 0;
    const free = root.disk.free(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    if (wanted <= free) continue;
    throw new GtpkgError(
      'NO_SPACE',
      `the file system of the root has ${free} bytes free, this needs ${wanted}`,
      {
        hint: 'Free some space there (df shows how much is left), then run the command again. Nothing was changed.',
        data: { free, needed: wanted },
      },
    );
  }
}

async function extractAll({ plan }: Prepared, staging: Staging, report: Report): Promise<void> {
  let done = 0;
  let told = 0;
  let failed = false;
  const queue = plan.incoming.values();
  const work = async (): Promise<void> => {
    for (const by of queue) {
      if (failed) return;
      const advance = (bytes: number): void => {
        done += bytes;
        if (done - told < ADVANCE_EVERY) return;
        told = done;
        report({ kind: 'advance', id: 'transaction', done, note: by.name });
      };
      try {
        await by.release.extract(staging.sink(by, advance));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: PARALLEL }, work));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function statusAfter({ plan, survey, input }: Prepared): RootStatus {
  const status = new Map(input.status);
  const changed = new Set(plan.changes.map(({ name }) => name));
  for (const { name, to } of plan.changes) {
    if (to === undefined) status.delete(name);
    else status.set(name, to);
  }
  for (const { name } of plan.incoming) {
    const to = status.get(name);
    if (to !== undefined)
      status.set(name, { ...to, replaced: [...(survey.lost.get(name) ?? [])] as BytePath[] });
  }
  for (const pkg of input.status.values()) {
    if (
      changed.has(pkg.name) &&
      plan.changes.some(({ name, action }) => name === pkg.name && action !== 'mark')
    )
      continue;
    const lost = survey.lost.get(pkg.name) ?? new Set<string>();
    const isGone = (path: string, own: boolean): boolean => lost.has(path) || (!own && plan.slots.has(path));
    const conffiles = pkg.conffiles.filter(
      ({ path, obsolete }) => !isGone(path, pkg.state === 'installed' && !obsolete),
    );
    if (lost.size === 0 && conffiles.length === pkg.conffiles.length) continue;
    const now = status.get(pkg.name) ?? pkg;
    if (pkg.state === 'config-files' && conffiles.length === 0) status.delete(pkg.name);
    else
      status.set(pkg.name, {
        ...now,
        conffiles,
        replaced: [...new Set([...pkg.replaced, ...(lost as Set<BytePath>)])],
      });
  }
  return status;
}

function stateOperations(
  prepared: Prepared,
  staging: Staging,
  { request, notes }: { request: TransactionRequest; notes: readonly string[] },
): Operation[] {
  const { root, plan, input, id } = prepared;
  const { state, disk } = root;
  const operations: Operation[] = [];
  let counter = 0;
  const backup = (): string => `${staging.main}/s${counter++}`;
  const put = (staged: string, path: string): void => {
    if (disk.exists(path)) operations.push({ kind: 'replace', staged, path, backup: backup() });
    else operations.push({ kind: 'place', staged, path });
  };
  const remove = (path: string): void => {
    if (disk.exists(path)) operations.push({ kind: 'remove', path, backup: backup() });
  };
  plan.incoming.forEach(({ name, release }, index) => {
    put(staging.create(`manifest${index}`, release.manifestBytes), joinPath(state.manifests, name));
    remove(joinPath(state.scripts, name));
    if (release.scripts.size === 0) return;
    for (const script of release.scripts.keys()) {
      if (!/^[a-z]+$/.test(script))
        throw new GtpkgError(
          'RELEASE_MALFORMED',
          `${name}: "${script}" is not the name of a maintainer script`,
        );
    }
    operations.push({
      kind: 'place',
      staged: staging.createDirectory(`scripts${index}`, release.scripts),
      path: joinPath(state.scripts, name),
    });
  });
  const status = statusAfter(prepared);
  for (const name of input.status.keys()) {
    if (status.has(name)) continue;
    remove(joinPath(state.manifests, name));
    remove(joinPath(state.scripts, name));
  }
  const entry = {
    id,
    date: request.now.toISOString(),
    command: request.command,
    user: userName(),
    changes: plan.changes.map(historyChange),
    indexCommits: request.indexCommits,
    notes,
  };
  put(staging.create('history', formatHistory(entry)), joinPath(state.history, historyName(id)));
  put(staging.create('status', formatStatus(status)), state.status);
  return operations;
}

function userName(): string {
  try {
    return process.env['SUDO_USER'] ?? userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

// From here on the root changes. @returns directories that were to go and stay
async function place({ root, plan }: Prepared, journal: Journal, report: Report): Promise<readonly string[]> {
  const { disk, state } = root;
  let length = 0;
  try {
    length = writeJournal(disk, state, journal);
    for (const [index, operation] of journal.operations.entries()) {
      perform(disk, operation);
      if (index % 512 === 511) await breathe();
    }
    report({ kind: 'advance', id: 'transaction', done: plan.bytes, note: 'making it durable' });
    await disk.flush(touchedDirectories(journal.operations), journal.areas);
    commitJournal(disk, state);
  } catch (error) {
    await undo(root, journal, { length, error });
    throw diskError(error, 'putting files in place');
  }
  try {
    return finish(disk, state, journal);
  } catch (error) {
    const why = diskError(error, 'clearing up').message;
    report({
      kind: 'warning',
      text: `All is in place, but old files could not be cleared away: ${why}. gtpkg recover does it.`,
    });
    return [];
  }
}

async function undo(
  { disk, state }: OpenRoot,
  journal: Journal,
  { length, error }: { length: number; error: unknown },
): Promise<void> {
  try {
    if (disk.exists(state.journal)) {
      if (length > 0) uncommitJournal(disk, state, length);
      await rollBack(disk, state, journal);
    } else {
      sweepStaging(disk, state);
    }
  } catch {
    const kept =
      'The transaction could not be undone at once: gtpkg recover does it, as does every command that changes this root.';
    throw diskError(error, 'putting files in place', kept);
  }
}
