/**
 * Runs a transaction: plan, survey, stage while verifying, journal, place, commit, clear up. ADR 0005.
 *
 * 1. Nothing outside the staging areas is touched before every release was extracted and verified to its end.
 * 2. Staged data, then the journal, are on the disk before the first change to the root.
 * 3. An error before the commit undoes everything; a kill leaves it to the next openRoot.
 * 4. After the commit nothing is undone; only backups and empty directories are left to remove.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { pathToText } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { askConffiles } from './ask-conffiles.js';
import { composeOperations, conffileDecisions, keptConffiles } from './compose.js';
import { diskError } from './disk-error.js';
import type { DpkgLive } from './dpkg-live.js';
import {
  appendAct,
  commitJournal,
  touchedDirectories,
  uncommitJournal,
  writeJournal,
  type Journal,
} from './journal.js';
import { LayOutHere } from './lay-out.js';
import { perform, type Operation } from './operations.js';
import { noteOutcome } from './outcomes.js';
import type { Incoming } from './plan.js';
import {
  prepare,
  previewOf,
  type Prepared,
  type TransactionPreview,
  type TransactionRequest,
} from './prepare.js';
import { finish, recover, rollBack, sweepStaging } from './recover.js';
import type { OpenRoot } from './root.js';
import type { Act } from './script-acts.js';
import type { Scripts } from './scripted.js';
import { Staging } from './stage.js';
import { stateOperations } from './state-files.js';
import type { InstalledPackage } from './status.js';

export interface TransactionResult extends TransactionPreview {
  /** number in the history; undefined when there was nothing to do */
  readonly id: number | undefined;
  readonly installed: readonly InstalledPackage[];
  /** what was there before; those whose conffiles stay included */
  readonly removed: readonly InstalledPackage[];
}

const ADVANCE_EVERY = 1024 * 1024;

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
    const staging = await stage(prepared, request);
    const { changes } = plan;
    const { preview, left: all } = await new Execution(prepared, request).run(staging);
    const left = all.filter(
      (path) =>
        !changes.some(({ to }) => to?.conffiles.some((conffile) => conffile.path.startsWith(`${path}/`))),
    );
    const notes = [...preview.notes, ...left.map((path) => `/${pathToText(path)} is not empty and stays`)];
    return {
      ...preview,
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

async function stage(prepared: Prepared, request: TransactionRequest): Promise<Staging> {
  const { root, survey, compose } = prepared;
  const staging = new Staging(root.disk, survey, compose.owners);
  try {
    sweepStaging(root.disk, root.state);
    checkSpace(prepared);
    staging.open();
    await layOutAll(prepared, staging, request);
    staging.finish();
    if (staging.ownersSkipped > 0) {
      const text = 'Owners and set-uid bits of some files were not set, because gtpkg does not run as root.';
      request.report({ kind: 'warning', text });
    }
    return staging;
  } catch (error) {
    quietly(() => sweepStaging(root.disk, root.state));
    throw diskError(error, 'staging');
  }
}

// The first error says more; the next exclusive openRoot does it again.
function quietly(tidy: () => void): void {
  try {
    tidy();
  } catch {
    // see above
  }
}

/** What is to be done to the root, as it is now: scripts may have changed it since it was surveyed. */
async function composeAll(
  prepared: Prepared,
  staging: Staging,
  request: TransactionRequest,
): Promise<{ operations: readonly Operation[]; dpkg: DpkgLive | undefined; preview: TransactionPreview }> {
  const { compose, survey, root, plan } = prepared;
  const decisions = await conffileDecisions(compose);
  const operations = composeOperations(compose, decisions);
  const preview = previewOf(prepared, keptConffiles(decisions), staging.ownersSkipped);
  const state = stateOperations(prepared, staging, { request, notes: preview.notes });
  request.report({ kind: 'advance', id: 'transaction', done: plan.bytes, note: 'writing to the disk' });
  await root.disk.flush(
    staging.written,
    survey.areas.map((area) => area.path),
  );
  return { operations: [...operations, ...state.operations], dpkg: state.dpkg, preview };
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

async function layOutAll(
  { root, plan }: Prepared,
  staging: Staging,
  { report, layOut = new LayOutHere(root.disk) }: TransactionRequest,
): Promise<void> {
  let done = 0;
  let told = 0;
  let failed: { error: unknown } | undefined;
  const one = async (by: Incoming): Promise<void> => {
    const targets = staging.targets(by);
    await layOut.files(by.release, targets, (bytes) => {
      done += bytes;
      if (done - told < ADVANCE_EVERY) return;
      told = done;
      report({ kind: 'advance', id: 'transaction', done, note: by.name });
    });
    if (failed === undefined) await staging.settle(by, targets);
  };
  const work = plan.incoming.map(async (by) => {
    try {
      await one(by);
    } catch (error) {
      // the first failure is the reason of all others
      failed ??= { error };
      await layOut.stop();
    }
  });
  await Promise.all(work);
  if (failed !== undefined) throw (failed as { error: unknown }).error;
}

/** A transaction from its journal to its commit, and back when something fails. */
class Execution {
  readonly #prepared: Prepared;
  readonly #request: TransactionRequest;
  #journal: Journal;
  #length = 0;

  constructor(prepared: Prepared, request: TransactionRequest) {
    this.#prepared = prepared;
    this.#request = request;
    const areas = prepared.survey.areas.map((area) => area.path);
    const { id, survey, scripts } = prepared;
    const { command } = request;
    this.#journal = { id, command, areas, prune: survey.prune, operations: [], scripts, acts: [] };
  }

  /** From here on the root changes. @returns what was done, and directories that were to go and stay */
  async run(staging: Staging): Promise<{ preview: TransactionPreview; left: readonly string[] }> {
    const { root, plan } = this.#prepared;
    const { report } = this.#request;
    const { disk, state } = root;
    let scripts: Scripts | undefined;
    let preview: TransactionPreview;
    let doing = 'staging';
    try {
      const { askConffile } = this.#request;
      if (askConffile !== undefined) await askConffiles(this.#prepared.compose, askConffile);
      scripts = await this.#scripts(staging);
      if (scripts?.hasBefore === true) {
        this.#write([]);
        await scripts.before((act) => this.#record(act));
      }
      const composed = await composeAll(this.#prepared, staging, this.#request);
      preview = composed.preview;
      doing = 'putting files in place';
      this.#write(composed.operations);
      for (const [index, operation] of this.#journal.operations.entries()) {
        perform(disk, operation);
        if (index % 512 === 511) await breathe();
      }
      await scripts?.after((act) => this.#record(act), composed.dpkg);
      report({ kind: 'advance', id: 'transaction', done: plan.bytes, note: 'making it durable' });
      await disk.flush(touchedDirectories(this.#journal.operations), this.#journal.areas);
      commitJournal(disk, state);
    } catch (error) {
      await scripts?.close();
      await this.#undo(error, doing);
      throw this.#failure(error, doing);
    }
    await scripts?.close();
    try {
      return { preview, left: finish(disk, state, this.#journal) };
    } catch (error) {
      const why = diskError(error, 'clearing up').message;
      const text = `All is in place, but old files could not be cleared away: ${why}. gtpkg recover does it.`;
      report({ kind: 'warning', text });
      return { preview, left: [] };
    }
  }

  async #scripts(staging: Staging): Promise<Scripts | undefined> {
    const { scripts: policy } = this.#prepared;
    const { report } = this.#request;
    if (policy === undefined) return undefined;
    const { Scripts } = await import('./scripted.js');
    return new Scripts(this.#prepared, staging, { policy, report });
  }

  #write(operations: readonly Operation[]): void {
    const { disk, state } = this.#prepared.root;
    this.#journal = { ...this.#journal, operations };
    this.#length = writeJournal(disk, state, this.#journal);
  }

  #record(act: Act): void {
    const { disk, state } = this.#prepared.root;
    this.#journal = { ...this.#journal, acts: [...this.#journal.acts, act] };
    this.#length += appendAct(disk, state, act);
  }

  // A script that failed has said so; nothing else is worth telling first.
  #failure(error: unknown, doing: string): GtpkgError {
    if (!(error instanceof GtpkgError) || error.code !== 'SCRIPT_FAILED') return diskError(error, doing);
    const hint = `The root is back in the state before. ${error.hint ?? ''}`;
    return new GtpkgError(error.code, error.message, { hint, data: error.data, cause: error });
  }

  async #undo(error: unknown, doing: string): Promise<void> {
    const { disk, state } = this.#prepared.root;
    try {
      if (!disk.exists(state.journal)) {
        sweepStaging(disk, state);
        return;
      }
      if (this.#length > 0) uncommitJournal(disk, state, this.#length);
      const failures = await rollBack(disk, state, this.#journal);
      for (const text of failures) this.#request.report({ kind: 'warning', text });
      const why = this.#failure(error, doing).message;
      noteOutcome(disk, state, { ...this.#journal, result: 'undone', why });
    } catch {
      // nothing was to be undone: the next one clears up
      if (!disk.exists(state.journal)) return;
      const kept =
        'The transaction could not be undone at once: gtpkg recover does it, as does every command that changes this root.';
      throw diskError(error, doing, kept);
    }
  }
}
