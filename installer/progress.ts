/**
 * How far a transaction is: one bar from the first file to the commit. Its parts are bytes that are laid out, and what else takes time in the
 * same measure; how many scripts will run is estimated beforehand, so the end may come a little early. Never goes back.
 */
import type { Report } from '../model/events.js';
import type { Prepared } from './prepare.js';

/** What a script takes, in bytes that could be laid out meanwhile: some 30 ms. */
const SCRIPT = 4_000_000;
/** What putting one file in place takes. */
const FILE = 10_000;

const ID = 'transaction';

export class TransactionProgress {
  readonly #report: Report;
  readonly #total: number;
  #bytes = 0;
  #scripts = 0;
  #files = 0;
  #done = 0;

  /** @param label - what is done, in one word for the bar */
  constructor(report: Report, { plan, survey, scripts }: Prepared) {
    this.#report = report;
    const runs = plan.incoming.flatMap(({ release }) =>
      ['preinst', 'postinst'].filter((script) => release.scripts.has(script)),
    );
    const estimated = scripts === undefined ? 0 : runs.length;
    this.#total = plan.bytes + survey.placements.length * FILE + estimated * SCRIPT;
    const label = plan.incoming.length > 0 ? 'Installing' : 'Removing';
    report({ kind: 'start', id: ID, label, total: this.#total, unit: 'parts' });
  }

  /** @param bytes - of all payloads so far */
  laidOut(bytes: number, note: string): void {
    this.#bytes = bytes;
    this.at(note);
  }

  /** So many more files stand in their place. */
  placed(count: number): void {
    this.#files += count;
    this.at('putting files in place');
  }

  /** A script begins. */
  script(note: string): void {
    this.at(note);
    this.#scripts++;
  }

  /** Something begins. */
  at(note: string): void {
    const done = this.#bytes + this.#files * FILE + this.#scripts * SCRIPT;
    this.#done = Math.max(this.#done, Math.min(done, this.#total));
    this.#report({ kind: 'advance', id: ID, done: this.#done, note });
  }

  end(): void {
    this.#report({ kind: 'end', id: ID });
  }
}
