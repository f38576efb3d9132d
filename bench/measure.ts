/**
 * Whole processes, side by side: A B A B …, so that a machine whose speed drifts slows both. The median of the pairwise ratios is
 * the figure to quote.
 */
import { spawnSync } from 'node:child_process';

export interface Command {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Comparison {
  readonly name: string;
  readonly against: string;
  /** seconds, medians */
  readonly seconds: number;
  readonly base: number;
  readonly ratio: number;
  readonly runs: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** Seconds of one run. @throws Error when the command fails */
export function time(command: Command): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command.file, command.args, {
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (status !== 0) throw new Error(`${command.name} ended with ${status}: ${stderr.toString()}`);
  return seconds;
}

/** One command against a base, after a warm-up of both. */
export function compare(command: Command, base: Command, runs: number): Comparison {
  time(command);
  time(base);
  const pairs = Array.from({ length: runs }, () => [time(command), time(base)] as const);
  return {
    name: command.name,
    against: base.name,
    seconds: median(pairs.map(([a]) => a)),
    base: median(pairs.map(([, b]) => b)),
    ratio: median(pairs.map(([a, b]) => a / b)),
    runs,
  };
}
