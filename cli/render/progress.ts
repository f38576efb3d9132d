/**
 * Draws progress events on stderr: bars on a terminal, nothing but notes and warnings elsewhere,
 * JSON lines when `--json` was given together with GTPKG_EVENTS=1.
 */
import pc from 'picocolors';
import { printable, type ProgressEvent, type Report } from '../../model/index.js';
import { size } from './table.js';

/** A reporter and the end of its drawing. */
export interface Drawing {
  readonly report: Report;
  /** takes the bars off the screen; safe to call twice */
  close(): void;
}

interface Bar {
  update(value: number, payload: object): void;
  setTotal(total: number): void;
  stop(): void;
}

function plain(event: ProgressEvent): void {
  if (event.kind === 'note') process.stderr.write(`${printable(event.text)}\n`);
  else if (event.kind === 'warning')
    process.stderr.write(`${pc.yellow('warning')}: ${printable(event.text)}\n`);
}

/** What fits this process: its terminal, its flags. */
export function draw(options: { readonly json: boolean }): Drawing {
  if (options.json) {
    const events = process.env['GTPKG_EVENTS'] === '1';
    return {
      report: (event) => (events ? void process.stderr.write(`${JSON.stringify(event)}\n`) : undefined),
      close: () => undefined,
    };
  }
  return process.stderr.isTTY ? drawBars() : { report: plain, close: () => undefined };
}

function drawBars(): Drawing {
  type MultiBar = {
    create(total: number, start: number, payload: object): Bar;
    remove(bar: Bar): void;
    stop(): void;
    log(text: string): void;
  };
  let screen: Promise<MultiBar> | undefined;
  let multi: MultiBar | undefined;
  let closed = false;
  const bars = new Map<
    string,
    { bar?: Bar; unit: 'bytes' | 'items'; done: number; total: number; label: string; note: string }
  >();
  const load = async (): Promise<MultiBar> => {
    const { MultiBar: Multi } = (await import('cli-progress')).default;
    multi = new Multi({
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      linewrap: false,
      format: (_options, params, payload: { label: string; unit: string; note: string }) => {
        const share = params.total > 0 ? Math.min(1, params.value / params.total) : 0;
        const filled = Math.round(share * 24);
        const amount =
          payload.unit === 'bytes'
            ? `${size(params.value)} / ${size(params.total)}`
            : `${params.value} / ${params.total}`;
        const eta = params.eta > 0 && Number.isFinite(params.eta) ? `  ${params.eta} s left` : '';
        return `${payload.label.padEnd(12)} ${pc.green('━'.repeat(filled))}${pc.dim('━'.repeat(24 - filled))} ${amount}${eta} ${pc.dim(payload.note)}`;
      },
    }) as unknown as MultiBar;
    return multi;
  };
  const report: Report = (event) => {
    if (closed) return;
    if (event.kind === 'note' || event.kind === 'warning') {
      if (multi === undefined) plain(event);
      else
        multi.log(`${event.kind === 'warning' ? `${pc.yellow('warning')}: ` : ''}${printable(event.text)}\n`);
      return;
    }
    if (event.kind === 'start') {
      const state: {
        bar?: Bar;
        unit: 'bytes' | 'items';
        done: number;
        total: number;
        label: string;
        note: string;
      } = {
        unit: event.unit ?? 'items',
        done: 0,
        total: event.total ?? 0,
        label: event.label,
        note: '',
      };
      bars.set(event.id, state);
      screen ??= load();
      void screen.then((m) => {
        if (!closed && bars.get(event.id) === state)
          state.bar = m.create(state.total, state.done, {
            label: state.label,
            unit: state.unit,
            note: state.note,
          });
      });
      return;
    }
    const state = bars.get(event.id);
    if (state === undefined) return;
    if (event.kind === 'advance') {
      state.done = event.done;
      state.note = printable(event.note ?? '').slice(0, 40);
      if (event.total !== undefined) {
        state.total = event.total;
        state.bar?.setTotal(event.total);
      }
      state.bar?.update(event.done, { note: state.note });
    } else {
      bars.delete(event.id);
      if (state.bar !== undefined) multi?.remove(state.bar);
    }
  };
  return {
    report,
    close: () => {
      closed = true;
      multi?.stop();
    },
  };
}
