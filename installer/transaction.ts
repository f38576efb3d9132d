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
import { diskError } from './disk-error.js';
import { Execution } from './execution.js';
import { LayOutHere, type LayOut } from './lay-out.js';
import type { Incoming } from './plan.js';
import {
  prepare,
  previewOf,
  type Prepared,
  type TransactionPreview,
  type TransactionRequest,
} from './prepare.js';
import { TransactionProgress } from './progress.js';
import { recover, sweepStaging } from './recover.js';
import type { OpenRoot } from './root.js';
import { judgeSpecialFiles, newSpecialFiles } from './special-files.js';
import { Staging } from './stage.js';
import type { InstalledPackage } from './status.js';

export interface TransactionResult extends TransactionPreview {
  /** number in the history; undefined when there was nothing to do */
  readonly id: number | undefined;
  readonly installed: readonly InstalledPackage[];
  /** what was there before; those whose conffiles stay included */
  readonly removed: readonly InstalledPackage[];
}

const ADVANCE_EVERY = 1024 * 1024;
/** From so many bytes on, the disk begins to take files while others are written. */
const WORTH_WRITING_BACK = 64 * 1024 * 1024;
/** When it does, as parts of all bytes: the more often, the longer it keeps those waiting who write; the earlier, the more is left for the end (ADR 0005). */
const WRITE_BACK_AT = [0.4, 0.8];

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
  await judgeSpecialFiles(newSpecialFiles(plan, prepared.input), request);
  const progress = new TransactionProgress(report, prepared);
  try {
    const staging = await stage(prepared, request, progress);
    const { changes } = plan;
    const { preview, left: all } = await new Execution(prepared, { ...request, progress }, staging).run();
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
    progress.end();
  }
}

async function stage(
  prepared: Prepared,
  request: TransactionRequest,
  progress: TransactionProgress,
): Promise<Staging> {
  const { root, survey, compose } = prepared;
  const staging = new Staging(root.disk, survey, compose.owners);
  try {
    sweepStaging(root.disk, root.state);
    checkSpace(prepared);
    staging.open();
    await layOutAll(prepared, staging, { layOut: request.layOut, progress });
    staging.finish();
    if (staging.ownersSkipped > 0) {
      const text = 'Owners and set-uid bits of some files were not set, because gtpkg does not run as root.';
      request.report({ kind: 'warning', text });
    }
    for (const text of staging.xattrsSkipped) request.report({ kind: 'warning', text });
    return staging;
  } catch (error) {
    await root.disk.forgetWriteBack();
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

const largestFirst = (incoming: readonly Incoming[]): Incoming[] =>
  [...incoming].sort((a, b) => bytesOf(b) - bytesOf(a));
const bytesOf = ({ release }: Incoming): number => release.payload?.section.rawLength ?? 0;

async function layOutAll(
  { root, plan, input, survey }: Prepared,
  staging: Staging,
  {
    layOut = new LayOutHere(root.disk),
    progress,
  }: { readonly layOut: LayOut | undefined; readonly progress: TransactionProgress },
): Promise<void> {
  let done = 0;
  let told = 0;
  const parts = plan.bytes < WORTH_WRITING_BACK ? [] : [...WRITE_BACK_AT];
  const areas = survey.areas.map(({ path }) => path);
  let failed: { error: unknown } | undefined;
  const hasDpkg =
    plan.changes.some(({ name, to }) => name === 'dpkg' && to?.state === 'installed') ||
    input.status.get('dpkg')?.state === 'installed';
  const one = async (by: Incoming): Promise<void> => {
    const targets = staging.targets(by, hasDpkg);
    const digests = await layOut.files(by.release, targets, (bytes) => {
      done += bytes;
      if (done - told < ADVANCE_EVERY) return;
      told = done;
      progress.laidOut(done, by.name);
      if (done < plan.bytes * (parts[0] ?? Infinity)) return;
      parts.shift();
      root.disk.writeBack(areas);
    });
    if (failed === undefined) await staging.settle(by, targets, digests);
  };
  const work: Promise<void>[] = [];
  for (const by of largestFirst(plan.incoming)) {
    const over = one(by).catch(async (error: unknown) => {
      // the first failure is the reason of all others
      failed ??= { error };
      await layOut.stop();
    });
    work.push(over);
    // whoever lays out begins with this one while the next one's places are made
    await breathe();
    if (failed !== undefined) break;
  }
  await Promise.all(work);
  progress.laidOut(plan.bytes, 'writing to the disk');
  if (failed === undefined && plan.bytes >= WORTH_WRITING_BACK) root.disk.writeBack(areas);
  if (failed !== undefined) throw (failed as { error: unknown }).error;
}
