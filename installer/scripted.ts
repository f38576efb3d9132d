/**
 * The maintainer scripts of one transaction: staged before anything changes, run around the change of files. ADR 0015.
 *
 * Each act is handed to `record` before its script starts, which writes it to the journal; a failing script throws, and whoever runs the
 * transaction takes everything back (unwind.ts).
 */
import { joinPath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Report } from '../model/events.js';
import { MAX_TRIGGER_ROUNDS } from '../model/limits.js';
import { hasShell } from './has-shell.js';
import type { DpkgLive } from './dpkg-live.js';
import type { Prepared } from './prepare.js';
import type { TransactionProgress } from './progress.js';
import { configureOrder } from './configure-order.js';
import {
  MAINTAINER_SCRIPTS,
  scriptActs,
  type Act,
  type Acts,
  type FindScript,
  type ScriptCall,
} from './script-acts.js';
import { ScriptRunner, type ScriptPolicy } from './script-runner.js';
import type { Staging } from './stage.js';
import { triggerLines } from './trigger-lines.js';
import { parseTriggers, touchedPaths, Triggers } from './triggers.js';
import { markOf } from './unwind.js';

export type RecordAct = (act: Act) => void;

export class Scripts {
  readonly policy: ScriptPolicy;
  readonly #prepared: Prepared;
  readonly #runner: ScriptRunner;
  readonly #report: Report;
  readonly #progress: TransactionProgress;
  readonly #acts: Acts;
  readonly #find: FindScript;
  readonly #triggers: Triggers;
  readonly #late: Act[] = [];

  /** Puts copies of all scripts that may be needed, those for undoing too, into the staging area. */
  constructor(
    prepared: Prepared,
    staging: Staging,
    {
      policy,
      report,
      progress,
    }: {
      readonly policy: ScriptPolicy;
      readonly report: Report;
      readonly progress: TransactionProgress;
    },
  ) {
    const { root, plan, id, survey } = prepared;
    this.policy = policy;
    this.#prepared = prepared;
    this.#report = report;
    this.#progress = progress;
    const mark = markOf(survey.areas.map((area) => area.path));
    this.#runner = new ScriptRunner({ disk: root.disk, state: root.state, id, mark, policy });
    this.#find = stageScripts(prepared, staging);
    const fromNothing = !hasShell(root.disk);
    const { status } = prepared.input;
    const order = configureOrder(plan.incoming, fromNothing);
    this.#acts = scriptActs(plan, { status, find: this.#find, order });
    const lines = triggerLines(prepared);
    this.#triggers = new Triggers(lines);
    for (const name of leavingLines(prepared)) this.#triggers.activate(name);
    for (const { name } of plan.incoming)
      for (const line of lines.get(name) ?? [])
        if (line.kind === 'activate') this.#triggers.activate(line.name);
    if (this.#triggers.watchesFiles) for (const path of touchedPaths(plan)) this.#triggers.touch(path);
  }

  /** Something runs before the files of the phase change, or has to when they are put back. */
  hasBefore(phase: number): boolean {
    return this.#acts.before.some((act) => isOf(act, phase) && counts(act));
  }

  /**
   * prerm of what goes, preinst of what comes. A preinst whose interpreter is not in the root waits for the files, as with debootstrap.
   * @throws GtpkgError SCRIPT_FAILED; the system's errors
   */
  async before(phase: number, record: RecordAct): Promise<void> {
    for (const act of this.#acts.before) {
      if (!isOf(act, phase)) continue;
      if (act.step === 'preinst' && act.call !== undefined && !this.#runner.canRun(act.call))
        this.#late.push(act);
      else await this.#perform(act, record);
    }
  }

  /** All that runs when the files of the phase are in place. @throws as before() */
  async after(phase: number, record: RecordAct, dpkg: DpkgLive | undefined): Promise<void> {
    const late = this.#late.splice(0);
    for (const act of [...late, ...this.#acts.placed.filter((one) => isOf(one, phase))])
      await this.#perform(act, record);
    for (const act of this.#acts.configure.filter((one) => isOf(one, phase))) {
      this.#heed(dpkg);
      this.#triggers.settle(act.package);
      await this.#perform(act, record);
      dpkg?.configured(act.package);
    }
  }

  /** Triggers and purges, when all is configured. @throws as before() */
  async end(record: RecordAct, dpkg: DpkgLive | undefined): Promise<void> {
    const heed = (): void => this.#heed(dpkg);
    heed();
    await this.#process(record, heed);
    for (const act of this.#acts.purge) await this.#perform(act, record);
    heed();
    await this.#process(record, heed);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  #heed(dpkg: DpkgLive | undefined): void {
    for (const name of dpkg?.takeTriggers() ?? []) this.#triggers.activate(name);
  }

  async #process(record: RecordAct, heed: () => void): Promise<void> {
    for (let round = 0; ; round++) {
      const due = this.#triggers.take();
      if (due.length === 0) return;
      if (round === MAX_TRIGGER_ROUNDS) {
        const names = due.map(({ name }) => name);
        throw new GtpkgError(
          'SCRIPT_FAILED',
          `the triggers of ${names.join(', ')} set each other off without end`,
          {
            hint: 'Tell the maintainers of these packages, or install with --no-scripts.',
            data: { packages: names },
          },
        );
      }
      for (const { name, triggers } of due) {
        const call = this.#triggered(name, triggers);
        // caches that it made have to fit the old files again
        const restored =
          call === undefined || this.#find(name, 'new', 'postinst') === call.file ? [] : [call];
        await this.#perform(
          { package: name, step: 'triggered', call, undo: { placed: [], restored } },
          record,
        );
        heed();
      }
    }
  }

  #triggered(name: string, triggers: readonly string[]): ScriptCall | undefined {
    const { root, plan, input } = this.#prepared;
    const change = plan.changes.find((one) => one.name === name && one.action !== 'mark');
    const pkg = change === undefined ? input.status.get(name) : change.to;
    if (pkg === undefined) return undefined;
    const kept = joinPath(root.state.scripts, `${name}/postinst`);
    const file = change === undefined ? kept : this.#find(name, 'new', 'postinst');
    if (file === undefined || !root.disk.exists(file)) return undefined;
    const { architecture } = pkg;
    return { package: name, architecture, script: 'postinst', args: ['triggered', triggers.join(' ')], file };
  }

  async #perform(act: Act, record: RecordAct): Promise<void> {
    if (!counts(act)) return;
    record(act);
    if (act.call === undefined) return;
    const note = `${act.call.script} of ${act.package}`;
    this.#progress.script(note);
    try {
      await this.#runner.run(act.call);
    } catch (error) {
      if (act.rescue === undefined || !(error instanceof GtpkgError)) throw error;
      this.#report({
        kind: 'warning',
        text: `${error.message}; the new version's ${act.rescue.script} is asked to help`,
      });
      await this.#runner.run(act.rescue);
    }
  }
}

// A step without a script may still have to be taken back by another one.
const counts = ({ call, undo }: Act): boolean =>
  call !== undefined || undo.placed.length > 0 || undo.restored.length > 0;
const isOf = (act: Act, phase: number): boolean => (act.phase ?? 0) === phase;

function stageScripts({ root, plan }: Prepared, staging: Staging): FindScript {
  const { disk, state } = root;
  const found = new Map<string, string>();
  const add = (name: string, which: 'old' | 'new', scripts: ReadonlyMap<string, Uint8Array>): void => {
    if (scripts.size === 0) return;
    const directory = staging.createDirectory(`${which}-${name}`, scripts);
    for (const script of scripts.keys()) found.set(`${which} ${name} ${script}`, `${directory}/${script}`);
  };
  for (const { name, release } of plan.incoming) add(name, 'new', release.scripts);
  for (const { name, action, from } of plan.changes) {
    const directory = joinPath(state.scripts, name);
    if (action === 'mark' || from === undefined || !disk.exists(directory)) continue;
    const names = disk
      .list(directory)
      .filter((file) => (MAINTAINER_SCRIPTS as readonly string[]).includes(file));
    add(name, 'old', new Map(names.map((file) => [file, disk.read(joinPath(directory, file))])));
  }
  return (name, which, script) => found.get(`${which} ${name} ${script}`);
}

// What goes activates its triggers once more.
function leavingLines({ root, plan }: Prepared): string[] {
  const { disk, state } = root;
  return plan.changes.flatMap(({ name, action, from }) => {
    const path = joinPath(state.scripts, `${name}/triggers`);
    if (action === 'mark' || from?.state !== 'installed' || !disk.exists(path)) return [];
    return parseTriggers(disk.read(path)).flatMap((line) => (line.kind === 'activate' ? line.name : []));
  });
}
