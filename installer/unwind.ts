/**
 * Takes back what maintainer scripts did, by the calls that dpkg has for it. ADR 0015.
 *
 * A call that fails stops nothing: the files of packages come back in any case, and what failed is said. A call whose interpreter is not
 * in the root is left out: it went with the packages. All may be called again: Policy §6.2 wants scripts idempotent.
 */
import type { BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Disk } from './disk.js';
import { forgetTriggers } from './dpkg-live.js';
import type { Journal } from './journal.js';
import { overridesNow, restoreLaidDown, restoreOwners, type LaidDown } from './laid-down.js';
import type { Act, ScriptCall } from './script-acts.js';
import { describe, ScriptRunner } from './script-runner.js';
import type { StatePaths } from './state.js';

export class Unwind {
  readonly #disk: Disk;
  readonly #runner: ScriptRunner;
  readonly #acts: readonly Act[];
  readonly #failures: string[] = [];
  readonly #overrides: Set<string>;

  private constructor(disk: Disk, runner: ScriptRunner, acts: readonly Act[]) {
    this.#disk = disk;
    this.#runner = runner;
    this.#acts = acts;
    // of every time that is known, should a recovery have been killed after it had put dpkg's file back
    this.#overrides = new Set(acts.flatMap(({ laidDown }) => laidDown?.overrides ?? []));
  }

  /** Ends what still runs of the transaction's scripts. */
  static async begin(disk: Disk, state: StatePaths, journal: Journal): Promise<Unwind> {
    const { id, acts, areas, scripts: policy = { how: 'inside' } } = journal;
    const runner = new ScriptRunner({ disk, state, id, mark: markOf(areas), policy });
    runner.note('taking back');
    await runner.killLeftovers();
    return new Unwind(disk, runner, acts);
  }

  /** What could not be taken back: one sentence each. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** The highest phase that a script began in. */
  get lastPhase(): number {
    return Math.max(0, ...this.#acts.map(({ phase = 0 }) => phase));
  }

  /** The calls that belong before, or after, the files of a phase are put back. @throws the system's errors, of the log */
  async call(phase: number, when: 'placed' | 'restored'): Promise<void> {
    const acts = this.#acts.filter((act) => (act.phase ?? 0) === phase);
    for (const call of undoCalls(acts)[when]) await this.#one(call);
  }

  /**
   * Makes diversions and overrides what they were when so many operations had been done and no script had run since: so the operations can be undone where they were done.
   * @returns directories that changed
   * @throws the system's errors
   */
  layDownAfter(operations: number): readonly BytePath[] {
    const at = this.#acts.findIndex(({ done }) => done !== undefined && done >= operations);
    const note = at < 0 ? undefined : this.#acts.slice(0, at + 1).findLast((act) => act.laidDown)?.laidDown;
    return note === undefined ? [] : this.#layDown(note);
  }

  /** When all is taken back. @returns directories that changed @throws the system's errors */
  end(): readonly BytePath[] {
    forgetTriggers(this.#disk);
    const first = this.#first;
    if (first === undefined) return [];
    const touched = this.#layDown(first);
    // what an override was laid upon
    for (const text of this.#overrides) restoreOwners(this.#disk, first, text);
    return touched;
  }

  get #first(): LaidDown | undefined {
    return this.#acts[0]?.laidDown;
  }

  #layDown(note: LaidDown): readonly BytePath[] {
    this.#overrides.add(overridesNow(this.#disk));
    return restoreLaidDown(this.#disk, note, this.#first?.at ?? note.at);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  async #one(call: ScriptCall): Promise<void> {
    try {
      if (this.#runner.canRun(call)) await this.#runner.run(call);
      else this.#runner.note(`${describe(call)}: left out, its interpreter is not in the root`);
    } catch (error) {
      const why = error instanceof GtpkgError ? error.data['reason'] : undefined;
      const reason = String(why ?? (error instanceof Error ? error.message : error));
      this.#failures.push(
        `${describe(call)} failed while the transaction was taken back: ${reason}. What it printed is in /${this.#runner.log} of the root.`,
      );
    }
  }
}

/** What the scripts of the transaction with these staging areas bear in their environment: unique, as the area's name is. */
export function markOf(areas: readonly string[]): string {
  return areas[0]?.slice(areas[0].lastIndexOf('/') + 1) ?? '';
}

// The calls that take back acts which ran in that order.
function undoCalls(acts: readonly Act[]): Readonly<Record<'placed' | 'restored', readonly ScriptCall[]>> {
  const reverse = [...acts].reverse();
  // what came as far as its postinst is removed, not called off
  const gone = new Set(reverse.flatMap((act) => (isFirstConfigure(act) ? act.package : [])));
  return {
    placed: reverse.flatMap((act) => act.undo.placed),
    restored: reverse.flatMap((act) =>
      act.step === 'preinst' && gone.has(act.package) ? [] : act.undo.restored,
    ),
  };
}

function isFirstConfigure({ step, undo }: Act): boolean {
  return step === 'configure' && undo.restored.length > 0;
}
