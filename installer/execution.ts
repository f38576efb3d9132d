/**
 * A transaction from its journal to its commit, and back when something fails. ADR 0005, 0015.
 *
 * In: everything staged. One phase (phases.ts) after the other: scripts, the files' operations into the journal, then to the root, scripts. The
 * last phase brings gtpkg's own state; then triggers, the sync, the commit, the clearing up.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { GtpkgError } from '../model/errors.js';
import { askConffiles } from './ask-conffiles.js';
import { Composer } from './compose.js';
import { conffileDecisions, goneDecisions, keptConffiles, type KeptConffile } from './conffile-decisions.js';
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
import { isSameLaidDown, noteLaidDown, type LaidDown } from './laid-down.js';
import { perform } from './operations.js';
import { noteOutcome } from './outcomes.js';
import { previewOf, type Prepared, type TransactionPreview, type TransactionRequest } from './prepare.js';
import type { TransactionProgress } from './progress.js';
import { finish, rollBack, sweepStaging } from './recover.js';
import type { Act } from './script-acts.js';
import type { Scripts } from './scripted.js';
import type { Staging } from './stage.js';
import { dpkgOperations, stateOperations } from './state-files.js';

/** A request that is carried out. */
export interface RunningRequest extends TransactionRequest {
  readonly progress: TransactionProgress;
}

export class Execution {
  readonly #prepared: Prepared;
  readonly #request: RunningRequest;
  readonly #staging: Staging;
  readonly #composer: Composer;
  readonly #kept: KeptConffile[] = [];
  #journal: Journal;
  #length = 0;
  #dpkg: DpkgLive | undefined;
  #laidDown: LaidDown | undefined;

  constructor(prepared: Prepared, request: RunningRequest, staging: Staging) {
    this.#prepared = prepared;
    this.#request = request;
    this.#staging = staging;
    this.#composer = new Composer(prepared.compose);
    const areas = prepared.survey.areas.map((area) => area.path);
    const { id, survey, scripts } = prepared;
    const { command } = request;
    const { prune } = survey;
    this.#journal = { id, command, areas, prune, operations: [], ends: [], scripts, acts: [] };
  }

  /**
   * From here on the root changes.
   * @returns what was done, and directories that were to go and stay
   * @throws GtpkgError SCRIPT_FAILED, ROOT_OBSTRUCTED, and diskError's; everything is as before then, or its hint says that recovery is due
   */
  async run(): Promise<{ preview: TransactionPreview; left: readonly string[] }> {
    const { root, plan, compose } = this.#prepared;
    const { report, progress, askConffile } = this.#request;
    const { disk, state } = root;
    const last = Math.max(0, ...plan.phases.values());
    let scripts: Scripts | undefined;
    let doing = 'staging';
    try {
      if (askConffile !== undefined) await askConffiles(compose, askConffile);
      scripts = await this.#scripts();
      for (let phase = 0; phase <= last; phase++) {
        if (scripts?.hasBefore(phase) === true) {
          if (this.#length === 0) this.#write();
          await scripts.before(phase, (act) => this.#record(act));
        }
        const done = this.#journal.operations.length;
        await this.#compose(phase, phase === last);
        doing = 'putting files in place';
        this.#write();
        for (const [index, operation] of this.#journal.operations.slice(done).entries()) {
          perform(disk, operation);
          if (index % 512 !== 511) continue;
          progress.placed(512);
          await breathe();
        }
        await scripts?.after(phase, (act) => this.#record(act), this.#dpkg);
      }
      await scripts?.end((act) => this.#record(act), this.#dpkg);
      progress.at('making it durable');
      await disk.flush(touchedDirectories(this.#journal.operations), this.#journal.areas);
      commitJournal(disk, state);
    } catch (error) {
      await scripts?.close();
      await this.#undo(error, doing);
      throw this.#failure(error, doing);
    }
    await scripts?.close();
    const preview = this.#preview();
    try {
      return { preview, left: finish(disk, state, this.#journal) };
    } catch (error) {
      const why = diskError(error, 'clearing up').message;
      const text = `All is in place, but old files could not be cleared away: ${why}. gtpkg recover does it.`;
      report({ kind: 'warning', text });
      return { preview, left: [] };
    }
  }

  /** What is to be done to the root in the phase, as it is now: scripts may have changed it since it was surveyed. */
  async #compose(phase: number, isLast: boolean): Promise<void> {
    const { compose, survey, root } = this.#prepared;
    const decisions = await conffileDecisions(compose, phase);
    const gone = await goneDecisions(compose, phase);
    const operations = [...this.#journal.operations, ...this.#composer.compose({ decisions, gone }, phase)];
    this.#kept.push(...keptConffiles(decisions, gone));
    if (phase === 0) {
      const dpkg = dpkgOperations(this.#prepared, this.#staging);
      operations.push(...(dpkg?.operations ?? []));
      this.#dpkg = dpkg?.live;
    }
    if (isLast) {
      const { notes } = this.#preview();
      operations.push(...stateOperations(this.#prepared, this.#staging, { request: this.#request, notes }));
    }
    this.#journal = {
      ...this.#journal,
      operations,
      ends: [...(this.#journal.ends ?? []), operations.length],
    };
    this.#request.progress.at('writing to the disk');
    await root.disk.flush(
      this.#staging.written,
      survey.areas.map((area) => area.path),
    );
  }

  #preview(): TransactionPreview {
    return previewOf(this.#prepared, this.#kept, this.#staging);
  }

  async #scripts(): Promise<Scripts | undefined> {
    const { scripts: policy } = this.#prepared;
    const { report, progress } = this.#request;
    if (policy === undefined) return undefined;
    const { Scripts } = await import('./scripted.js');
    return new Scripts(this.#prepared, this.#staging, { policy, report, progress });
  }

  #write(): void {
    const { disk, state } = this.#prepared.root;
    this.#length = writeJournal(disk, state, this.#journal);
  }

  #record(act: Act): void {
    const { disk, state } = this.#prepared.root;
    const { operations, acts } = this.#journal;
    const laidDown = noteLaidDown(disk, state.journal);
    const isAsNoted = this.#laidDown !== undefined && isSameLaidDown(this.#laidDown, laidDown);
    const noted = { ...act, done: operations.length, ...(isAsNoted ? {} : { laidDown }) };
    this.#laidDown = laidDown;
    this.#journal = { ...this.#journal, acts: [...acts, noted] };
    this.#length += appendAct(disk, state, noted);
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
