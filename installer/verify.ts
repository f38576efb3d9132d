/**
 * Compares what is on the disk with the signed manifests that were kept. Changes nothing.
 *
 * What is compared, and how, is check.ts's; here it is spread over the processors: this thread takes packages from a list, and so do others where there is
 * enough to do. A package at a time, so memory is bounded by the largest manifests.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { compareBytes } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { silent, type Report } from '../model/events.js';
import { fromPlain } from '../model/thread-error.js';
import { Check, type Checked, type Difference } from './check.js';
import { Disk } from './disk.js';
import { diskError } from './disk-error.js';
import { findExtras, type Extras } from './extra.js';
import { readStatus, type InstalledPackage } from './status.js';
import { takeNext, type Answer, type Share } from './verify-share.js';

export type { Difference, DifferenceKind } from './check.js';
export type { Extras, ExtraPath } from './extra.js';

/** More threads than this would wait for the disk. */
const MOST = 4;
/** Less than this many packages, and less than this many KiB of files (as they say themselves), is done sooner than threads are started. */
const FEW = 12;
const SMALL = 64 * 1024;

/** What is not as it should be in a root. */
export interface Findings {
  /** in package and path order */
  readonly differences: readonly Difference[];
  /** what no package has */
  readonly extras: Extras;
}

/**
 * Compares the named packages (default: all installed).
 * @throws GtpkgError NOT_INSTALLED, STATUS_CORRUPT, IO_ERROR
 */
export async function verifyAll(
  dir: string,
  names?: readonly string[],
  report: Report = silent,
): Promise<Findings> {
  const status = readStatus(dir);
  for (const name of names ?? []) {
    if (status.get(name)?.state === 'installed') continue;
    throw new GtpkgError('NOT_INSTALLED', `${name} is not installed`, { data: { package: name } });
  }
  const installed = [...status.values()].filter(({ state }) => state === 'installed');
  const packages = installed.filter(({ name }) => names?.includes(name) ?? true);
  report({ kind: 'start', id: 'verify', label: 'Verifying', total: packages.length, unit: 'items' });
  try {
    const meanwhile = (): Extras => findExtras(new Disk(resolve(dir)), status, names);
    const { differences, extras } = await checkAll(dir, { installed, packages, report, meanwhile });
    return { differences: differences.sort((a, b) => compareBytes(a.package, b.package)), extras };
  } catch (error) {
    throw diskError(error, 'verifying');
  } finally {
    report({ kind: 'end', id: 'verify' });
  }
}

/** The differences alone. @throws as verifyAll() */
export async function* verifyRoot(
  dir: string,
  names?: readonly string[],
  report: Report = silent,
): AsyncGenerator<Difference, void, void> {
  yield* (await verifyAll(dir, names, report)).differences;
}

interface Work {
  readonly installed: readonly InstalledPackage[];
  readonly packages: readonly InstalledPackage[];
  readonly report: Report;
  /** what this thread does first, while the others are at work */
  readonly meanwhile: () => Extras;
}

const kib = ({ fields }: InstalledPackage): number => Number(fields.get('Installed-Size') ?? 0) || 0;
const plain = ({ name, version, manifest, replaced, conffiles }: InstalledPackage): Checked => ({
  name,
  version,
  manifest,
  replaced,
  conffiles: conffiles.map(({ path }) => path),
});

async function checkAll(
  dir: string,
  { installed, packages, report, meanwhile }: Work,
): Promise<{ differences: Difference[]; extras: Extras }> {
  const share: Share = {
    dir,
    all: installed.map(plain),
    wanted: [...packages].sort((a, b) => kib(b) - kib(a)).map(plain),
    counters: new Int32Array(new SharedArrayBuffer(4)),
  };
  const differences: Difference[] = [];
  let done = 0;
  const tell = (at: number, found: readonly Difference[]): void => {
    differences.push(...found);
    report({ kind: 'advance', id: 'verify', done: ++done, note: share.wanted[at]?.name ?? '' });
  };
  const isMuch = packages.length >= FEW || packages.reduce((sum, pkg) => sum + kib(pkg), 0) >= SMALL;
  const count = isMuch ? Math.min(availableParallelism(), MOST, packages.length) - 1 : 0;
  const threads = Array.from({ length: count }, () => new Helper(share, tell));
  try {
    const extras = meanwhile();
    const check = new Check(dir, share.all);
    for (let at = takeNext(share.counters); at < share.wanted.length; at = takeNext(share.counters)) {
      const pkg = share.wanted[at];
      if (pkg !== undefined) tell(at, check.package(pkg));
      // what the others say, and ^C
      await breathe();
    }
    await Promise.all(threads.map(({ over }) => over));
    return { differences, extras };
  } finally {
    // an error ends all: nobody waits for the rest
    Atomics.store(share.counters, 0, share.wanted.length);
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** One thread that helps. */
class Helper {
  /** it has found nothing more to take. @throws what was wrong with a package */
  readonly over: Promise<void>;
  readonly #worker: Worker;

  constructor(share: Share, tell: (at: number, found: readonly Difference[]) => void) {
    this.#worker = new Worker(new URL('./verify-thread.js', import.meta.url), { workerData: share });
    this.over = new Promise((resolve, reject) => {
      this.#worker.on('message', (answer: Answer) => {
        if ('error' in answer) reject(fromPlain(answer.error));
        else tell(answer.at, answer.differences);
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', (status) => {
        if (status === 0) resolve();
        else reject(new GtpkgError('INTERNAL', `a thread that verifies ended with ${status}`));
      });
    });
    // perhaps this thread fails first, and nobody waits
    this.over.catch(() => undefined);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
