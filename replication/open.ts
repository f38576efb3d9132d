/**
 * Opens the depot of a home: a daemon's if one answers, else the store itself, else HOME_BUSY.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError, limits } from '../model/index.js';
import type { Depot, OpenOptions } from './contract.js';
import { RemoteDepot } from './remote-depot.js';

const RETRY = 100;
/** A daemon that ends lets go of the store only after it has said goodbye to its peers; and a new one gives short commands their time. */
const PARTING = 10_000;

/**
 * Another command that holds the store is waited for TIMEOUT.lock, by a daemon longer; a daemon that starts meanwhile is used.
 * @throws GtpkgError HOME_BUSY and whatever opening the store throws
 */
export async function openDepot(options: OpenOptions): Promise<Depot> {
  const depot = await openWithin(options, options.mode === 'own' ? PARTING : limits.TIMEOUT.lock);
  if (!depot.remote) return depot;
  const { SteadyDepot } = await import('./steady-depot.js');
  return new SteadyDepot(depot, () => openWithin(options, PARTING));
}

async function openWithin(options: OpenOptions, patience: number): Promise<Depot> {
  const until = performance.now() + patience;
  for (;;) {
    if (options.mode !== 'own') {
      const daemon = await RemoteDepot.connect(options);
      if (daemon !== undefined) return daemon;
    }
    try {
      const { LocalDepot } = await import('./depot.js');
      return await LocalDepot.open(options);
    } catch (cause) {
      if (!(cause instanceof GtpkgError && cause.code === 'HOME_BUSY')) throw cause;
      const seeding = options.mode === 'own' ? await RemoteDepot.connect(options) : undefined;
      if (seeding !== undefined) throw await alreadySeeding(seeding);
      if (performance.now() >= until) throw busy(options, cause);
    }
    await sleep(RETRY);
  }
}

async function alreadySeeding(seeding: RemoteDepot): Promise<GtpkgError> {
  const { pid } = seeding;
  await seeding.close();
  return new GtpkgError('HOME_BUSY', `gtpkg seed is running on this home already, as process ${pid}`, {
    hint: 'gtpkg status shows what it does; to seed with other settings, stop it first.',
    data: { pid },
  });
}

function busy({ mode }: OpenOptions, cause: GtpkgError): GtpkgError {
  if (mode !== 'own') return cause;
  return new GtpkgError('HOME_BUSY', cause.message, {
    hint: 'Wait until that command has finished, then start gtpkg seed again.',
    cause,
  });
}
