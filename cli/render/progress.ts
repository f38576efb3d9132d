/**
 * Draws progress events on stderr: bars on a terminal, notes and a sign of life now and then elsewhere (quiet.ts),
 * JSON lines when `--json` was given together with GTPKG_EVENTS=1.
 *
 * Bars are the last lines of the screen; notes are written above them. The cursor stays visible and nothing of the
 * terminal is changed, so that a process which is killed leaves no trace but its last line.
 */
import { printable } from '../../model/bytes.js';
import type { Report } from '../../model/events.js';
import { amount } from './amount.js';
import { err } from './colors.js';
import { Quiet, told } from './quiet.js';
import { pad, size } from './table.js';
import { cut, width } from './width.js';

/** A reporter and the end of its drawing. */
export interface Drawing {
  readonly report: Report;
  /** text of gtpkg's own for people, coloured perhaps; what is from outside in it was made harmless */
  say(text: string): void;
  /** takes the bars off the screen; safe to call twice */
  close(): void;
}

/** Where bars are drawn. */
export interface Screen {
  readonly columns?: number;
  write(text: string): unknown;
}

/** ms between two drawings; also what a step must last to get a bar. */
const PACE = 100;
/** ms over which the rate is taken */
const WINDOW = 4000;
/** bars shown at once */
const MOST = 4;
/** columns of the bar itself */
const LONGEST = 24;
/** columns of a terminal on which a percentage stands for the bar */
const NARROW = 60;
/** columns of what is done right now, below which it says nothing */
const SHORTEST_NOTE = 10;

interface Bar {
  readonly label: string;
  readonly unit: 'bytes' | 'items' | 'parts';
  readonly started: number;
  done: number;
  total: number;
  note: string;
  /** times and what was done by then, the oldest first */
  samples: (readonly [number, number])[];
}

/** What fits this process: its terminal, its flags. */
export function draw(options: { readonly json: boolean }): Drawing {
  const nothing = (): void => undefined;
  if (options.json) {
    const events = process.env['GTPKG_EVENTS'] === '1';
    const report: Report = (event) => void process.stderr.write(`${JSON.stringify(event)}\n`);
    return { report: events ? report : nothing, say: nothing, close: nothing };
  }
  if (process.stderr.isTTY && process.env['TERM'] !== 'dumb') return new Bars(process.stderr);
  return new Quiet((line) => void process.stderr.write(`${line}\n`));
}

/** `4 s left`, `3 min left`. */
function left(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds > 360_000) return '';
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min left`;
  return `${Math.round(seconds / 3600)} h left`;
}

/** One line for a bar, never longer than `columns`. On a narrow terminal the rate goes first, then what is done right now is cut, then the time. */
function line(bar: Bar, now: number, columns: number): string {
  const { label, unit, done, total, note } = bar;
  const [since, before] = bar.samples[0] ?? [now, done];
  const rate = now - since >= 1000 ? ((done - before) / (now - since)) * 1000 : 0;
  const much = amount(bar);
  const speed = unit === 'bytes' && rate > 0 ? `${size(rate)}/s` : '';
  const time = rate > 0 && total > done ? left((total - done) / rate) : '';
  const head = pad(label, 11);
  // as long as the terminal allows, whatever is said beside it: a bar that changes its length is no measure
  const longest = total > 0 && columns >= 30 ? Math.min(LONGEST, Math.floor(columns / 5)) : 0;
  // a percentage says the same in less room
  const length = unit === 'parts' && columns < NARROW ? 0 : longest;
  const room = columns - width(head) - 1 - (length > 0 ? length + 1 : 0);
  const join = (parts: readonly string[]): string => parts.filter((text) => text !== '').join('  ');
  const fits = (parts: readonly string[], spare = 0): boolean => width(join(parts)) + spare <= room;
  let beside = [much, speed, time, note];
  if (!fits(beside)) beside = [much, '', time, note];
  if (!fits(beside) && !fits([much, time], Math.min(width(note), SHORTEST_NOTE) + 2))
    beside = fits([much, time]) ? [much, time] : [much];
  const text = cut(join(beside), room);
  if (length === 0) return `${head} ${text}`;
  const filled = Math.round(Math.min(1, done / total) * length);
  return `${head} ${err.green('━'.repeat(filled))}${err.dim('━'.repeat(length - filled))} ${text}`;
}

/** Bars on a terminal. */
export class Bars implements Drawing {
  readonly #screen: Screen;
  readonly #clock: () => number;
  readonly #bars = new Map<string, Bar>();
  #shown: readonly string[] = [];
  #drawn = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param clock - milliseconds that only grow */
  constructor(screen: Screen, clock: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#clock = clock;
  }

  readonly report: Report = (event) => {
    if (event.kind === 'note' || event.kind === 'warning') return told(event, (text) => this.say(text));
    if (this.#closed) return;
    const now = this.#clock();
    if (event.kind === 'start') {
      const { id, label, total = 0, unit = 'items' } = event;
      const bar: Bar = { label, unit, total, started: now, done: 0, note: '', samples: [[now, 0]] };
      this.#bars.set(id, bar);
      this.#timer ??= setInterval(() => this.#draw(), PACE).unref();
    } else if (event.kind === 'end') this.#bars.delete(event.id);
    else {
      const bar = this.#bars.get(event.id);
      if (bar === undefined) return;
      bar.done = event.done;
      bar.total = event.total ?? bar.total;
      bar.note = printable(event.note ?? bar.note)
        .replace(/\s+/g, ' ')
        .slice(0, 40);
      if (now - (bar.samples.at(-1)?.[0] ?? 0) >= WINDOW / 16) bar.samples.push([now, event.done]);
      while (bar.samples.length > 2 && now - (bar.samples[1]?.[0] ?? now) > WINDOW) bar.samples.shift();
    }
    // a step that does not wait never lets the timer run
    if (now - this.#drawn >= PACE) this.#draw();
  };

  say(text: string): void {
    this.#clear();
    this.#screen.write(`${text}\n`);
    if (!this.#closed) this.#draw();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#clear();
  }

  #clear(): void {
    if (this.#shown.length === 0) return;
    this.#screen.write(`${this.#top()}\x1b[J`);
    this.#shown = [];
  }

  // back to where the first bar starts; the cursor stands at the end of the last one
  #top(): string {
    return this.#shown.length > 1 ? `\r\x1b[${this.#shown.length - 1}A` : '\r';
  }

  #draw(): void {
    const now = this.#clock();
    this.#drawn = now;
    const lines = [...this.#bars.values()]
      .filter((bar) => now - bar.started >= PACE)
      .slice(-MOST)
      // the last column stays free: a terminal may wrap what is written there
      .map((bar) => line(bar, now, Math.max(20, (this.#screen.columns ?? 80) - 1)));
    if (lines.length === this.#shown.length && lines.every((text, i) => text === this.#shown[i])) return;
    if (lines.length === 0) return this.#clear();
    const start = this.#shown.length === 0 ? '' : this.#top();
    this.#screen.write(`${start}${lines.map((text) => `${text}\x1b[K`).join('\n')}\x1b[J`);
    this.#shown = lines;
  }
}
