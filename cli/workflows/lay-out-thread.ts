/**
 * A thread that lays out files: takes a payload's plan and bytes, checks every one, writes. lay-out.ts is its other side.
 *
 * It knows no network, no index and no keys. What it writes lies in the staging area; that nothing of it is used unless all is well is the
 * transaction's affair.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { GtpkgError, type ByteSource, type PayloadPlan } from '../../model/index.js';
import { Disk } from '../../installer/disk.js';
import { FileSink, type Digests, type FileTargets } from '../../installer/lay-out.js';
import { extractPayload } from '../../package-repo/extract.js';
import { forgetContexts } from '../../package-repo/zstd-engines.js';
import { fromPlain, toPlain, type PlainError } from '../../model/thread-error.js';
import { collectAll } from '../collect.js';

/** What a thread is told. */
export type ToThread =
  | {
      readonly kind: 'job';
      readonly payload: PayloadPlan;
      readonly targets: FileTargets;
    }
  /** what decompressing took goes back before the next job */
  | { readonly kind: 'relieve' }
  /** the payload's section, in pieces, in order; they follow the job without being asked for */
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array; readonly length: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'fail'; readonly error: PlainError };

/** What it says. */
export type FromThread =
  /** the chunk's memory comes back with it */
  | { readonly kind: 'taken'; readonly bytes: Uint8Array }
  | { readonly kind: 'advance'; readonly bytes: number }
  | { readonly kind: 'done'; readonly digests: Digests }
  | { readonly kind: 'failed'; readonly error: PlainError };

/** Bytes between two messages about progress. */
const ADVANCE_EVERY = 1024 * 1024;

const port = parentPort;
const disk = new Disk((workerData as { root: string }).root);
const say = (message: FromThread): void => port?.postMessage(message);

const arrived: ToThread[] = [];
let relieved = Promise.resolve();
let wake: (() => void) | undefined;

port?.on('message', (message: ToThread) => {
  if (message.kind === 'job') void work(message);
  else if (message.kind === 'relieve') relieved = relieve();
  else {
    arrived.push(message);
    wake?.();
  }
});

// The one stretch that a payload's plan names.
function source({ section }: PayloadPlan): ByteSource {
  return {
    byteLength: section.offset + section.length,
    async *read(offset, length) {
      if (offset !== section.offset || length !== section.length)
        throw new GtpkgError('INTERNAL', 'a thread asked for other bytes than its payload');
      for (;;) {
        const message = arrived.shift();
        if (message === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if (message.kind === 'chunk') {
          yield message.bytes.subarray(0, message.length);
          port?.postMessage({ kind: 'taken', bytes: message.bytes } satisfies FromThread, [
            message.bytes.buffer as ArrayBuffer,
          ]);
        } else if (message.kind === 'fail') throw fromPlain(message.error);
        else return;
      }
    },
  };
}

// The memory is given back by what runs after a collection, not by the collection itself.
async function relieve(): Promise<void> {
  forgetContexts();
  collectAll();
  await breathe();
}

async function work({ payload, targets }: Extract<ToThread, { kind: 'job' }>): Promise<void> {
  let untold = 0;
  const tell = (bytes: number): void => {
    untold += bytes;
    if (untold < ADVANCE_EVERY) return;
    say({ kind: 'advance', bytes: untold });
    untold = 0;
  };
  arrived.length = 0;
  await relieved;
  try {
    const sink = new FileSink(disk, targets, tell);
    await extractPayload(source(payload), payload, sink);
    sink.complete();
    say({ kind: 'advance', bytes: untold });
    say({ kind: 'done', digests: sink.digests });
  } catch (error) {
    say({ kind: 'failed', error: toPlain(error) });
  }
}
