/**
 * Progress where nobody watches a terminal, as in the log of a build: notes and warnings, and a line now and then while something
 * takes long, so that it is not taken for dead.
 */
import { printable } from '../../model/bytes.js';
import type { ProgressEvent, Report } from '../../model/events.js';
import { err } from './colors.js';
import { amount } from './amount.js';
import type { Drawing } from './progress.js';

/** ms without a word while something goes on. */
export const SILENCE = 20_000;

/** Says notes and warnings, and nothing else. */
export function told(event: ProgressEvent, say: (text: string) => void): void {
  if (event.kind === 'note') say(printable(event.text));
  else if (event.kind === 'warning') say(`${err.yellow('warning')}: ${printable(event.text)}`);
}

interface Step {
  readonly label: string;
  readonly unit: 'bytes' | 'items' | 'parts';
  readonly total: number;
}

/** Lines, each complete when it is written. */
export class Quiet implements Drawing {
  readonly #write: (line: string) => void;
  readonly #clock: () => number;
  readonly #steps = new Map<string, Step>();
  #heard: number;

  /** @param clock - milliseconds that only grow */
  constructor(write: (line: string) => void, clock: () => number = () => performance.now()) {
    this.#write = write;
    this.#clock = clock;
    this.#heard = clock();
  }

  readonly report: Report = (event) => {
    if (event.kind === 'note' || event.kind === 'warning') return told(event, (text) => this.say(text));
    if (event.kind === 'end') return void this.#steps.delete(event.id);
    if (event.kind === 'start') {
      if (this.#steps.size === 0) this.#heard = this.#clock();
      const { label, total = 0, unit = 'items' } = event;
      this.#steps.set(event.id, { label, total, unit });
      return;
    }
    const step = this.#steps.get(event.id);
    if (step === undefined || this.#clock() - this.#heard < SILENCE) return;
    const { label, unit } = step;
    const done = amount({ unit, done: event.done, total: event.total ?? step.total });
    const note = printable(event.note ?? '').replace(/\s+/g, ' ');
    this.say([`${label}: ${done}`, note].filter((text) => text !== '').join('  '));
  };

  say(text: string): void {
    this.#heard = this.#clock();
    this.#write(text);
  }

  close(): void {
    this.#steps.clear();
  }
}
