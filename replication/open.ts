/**
 * Opens the depot of a home: a daemon's if one answers, else the store itself, else HOME_BUSY.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError, limits } from '../model/index.js';
import type { Depot, OpenOptions } from './contract.js';

const RETRY = 100;

/** @throws GtpkgError HOME_BUSY and whatever opening the store throws */
export async function openDepot(options: OpenOptions): Promise<Depot> {
  const until = performance.now() + limits.TIMEOUT.lock;
  for (;;) {
    try {
      const { LocalDepot } = await import('./depot.js');
      return await LocalDepot.open(options);
    } catch (cause) {
      if (!(cause instanceof GtpkgError && cause.code === 'HOME_BUSY') || performance.now() >= until)
        throw cause;
    }
    await sleep(RETRY);
  }
}
