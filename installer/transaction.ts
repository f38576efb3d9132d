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
import type { Report } from '../model/events.js';
import { composeOperations, conffileDecisions, keptConffiles } from './compose.js';
import { diskError } from './disk-error.js';
import { commitJournal, touchedDirectories, uncommitJournal, writeJournal, type Journal } from './journal.js';
import { LayOutHere } from './lay-out.js';
import { perform } from './operations.js';
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
    await layOutAll(prepared, staging, request);
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
