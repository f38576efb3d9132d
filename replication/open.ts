/**
 * Opens the depot of a home: a daemon's if one answers, else the store itself, else HOME_BUSY.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError, limits } from '../model/index.js';
import type { Depot, OpenOptions } from './contract.js';
import { RemoteDepot } from './remote-depot.js';

const RETRY = 100;

/**
 * Another command that holds the store is waited for TIMEOUT.lock; a daemon that starts meanwhile is used.
 * @throws GtpkgError HOME_BUSY and whatever opening the store throws
 */
export async function openDepot(options: OpenOptions): Promise<Depot> {
  const until = performance.now() + limits.TIMEOUT.lock;
  for (;;) {
    if (options.mode !== 'own') {
      const daemon = await RemoteDepot.connect(options);
      if (daemon !== undefined) return daemon;
    }
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
