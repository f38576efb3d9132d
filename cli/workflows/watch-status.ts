/**
 * The status again and again, on a terminal or as JSON lines, until q, ^C or SIGTERM.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError } from '../../model/errors.js';
import type { Context } from '../context.js';
import { fitStatus } from '../render/status.js';
import { loadWidths } from '../render/width.js';
import { StatusReader, type SwarmStatus } from './status.js';

/** Between two drawings, ms. */
const PACE = 1_000;
/** Holdings and seeders cost more than rates: how old they may be, ms. */
const FRESH = 10_000;
const CTRL_C = '\x03';

/** Ends when the user wants it to. @throws GtpkgError as StatusReader, but waits while another command has the store */
export async function watchStatus(context: Context): Promise<void> {
  await loadWidths();
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const { stdin } = process;
  const keys = !context.settings.json && stdin.isTTY;
  const onKey = (key: Buffer): void => {
    if (key.includes(CTRL_C) || key.includes('q')) stop();
  };
  if (keys) stdin.setRawMode(true).on('data', onKey);
  try {
    const show = context.settings.json ? line : screen();
    let reader: StatusReader | undefined;
    while (!ending.signal.aborted) {
      try {
        reader ??= await StatusReader.open(context);
        const status = await reader.read(FRESH);
        show(status);
        // without a seeder the store is ours only for the moment: others must get at it
        if (!status.seeding) reader = await release(context);
      } catch (error) {
        if (!(error instanceof GtpkgError && error.code === 'HOME_BUSY')) throw error;
        reader = await release(context);
      }
      await sleep(PACE, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  } finally {
    if (keys) {
      stdin.setRawMode(false).off('data', onKey);
      stdin.pause();
    }
    if (!context.settings.json) process.stdout.write('\n');
  }
}

async function release(context: Context): Promise<undefined> {
  await context.close();
}

function line(status: SwarmStatus): void {
  process.stdout.write(`${JSON.stringify(status)}\n`);
}

// The cursor goes home and each line is overwritten: nothing flickers, and what was drawn last stays.
function screen(): (status: SwarmStatus) => void {
  const { stdout } = process;
  stdout.write('\x1b[2J');
  return (status) => {
    const { rows = 24, columns = 80 } = stdout;
    // the last column stays free: a terminal may wrap what is written there
    const lines = fitStatus(status, { rows: rows - 1, columns: columns - 1 });
    stdout.write(`\x1b[H${lines.map((text) => `${text}\x1b[K`).join('\n')}\x1b[J`);
  };
}
