/**
 * What one invocation works with: where its home and root are, how it reaches the network, and the
 * parts of the house, each opened when first asked for and closed together.
 */
import { userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { debianArchitecture } from '../model/control.js';
import { GtpkgError } from '../model/errors.js';
import { silent, type Report } from '../model/events.js';
import { parseAddress, type Address } from '../model/introduction.js';
import { TIMEOUT } from '../model/limits.js';
import type { Depot } from '../replication/index.js';
import type { KeyStore } from '../trust/index.js';

/** What `--bootstrap` says instead of an address: no DHT at all. */
const NO_DHT = 'none';
/** Longest time-out that can be asked for: a day. */
export const MOST_SECONDS = 86_400;

/** The global flags, parsed. */
export interface Settings {
  readonly home: string;
  readonly root: string;
  /** undefined: the public DHT; empty: none at all */
  readonly bootstrap: readonly Address[] | undefined;
  /** look for peers on the local network */
  readonly lan: boolean;
  readonly offline: boolean;
  /** milliseconds without an answer before giving up */
  readonly timeout: number;
  readonly json: boolean;
  readonly yes: boolean;
}

/** How the global flags and the environment say it; flags win. */
export interface RawSettings {
  readonly home?: string | undefined;
  readonly root?: string | undefined;
  readonly bootstrap?: readonly string[] | undefined;
  readonly lan?: boolean;
  readonly 'no-lan'?: boolean;
  readonly offline?: boolean;
  readonly timeout?: number | undefined;
  readonly json?: boolean;
  readonly yes?: boolean;
}

// A variable that is set to nothing says nothing.
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === '' ? undefined : value;
}

// XDG Base Directory Specification: a path that is not absolute is ignored.
function defaultHome(env: NodeJS.ProcessEnv): string {
  const data = variable(env, 'XDG_DATA_HOME');
  if (data !== undefined && isAbsolute(data)) return join(data, 'gtpkg');
  return join(variable(env, 'HOME') ?? userInfo().homedir, '.local', 'share', 'gtpkg');
}

function secondsFrom(raw: number | undefined, env: NodeJS.ProcessEnv): number | undefined {
  const text = variable(env, 'GTPKG_TIMEOUT');
  if (raw !== undefined || text === undefined) return raw;
  const seconds = Number(text);
  if (/^\d{1,5}$/.test(text) && seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw new GtpkgError('USAGE', `GTPKG_TIMEOUT is "${text.slice(0, 80)}", not a number of seconds`, {
    hint: `A whole number from 1 to ${MOST_SECONDS}, for example 20.`,
  });
}

function bootstrapFrom(nodes: readonly string[] | undefined): Address[] | undefined {
  if (nodes === undefined || nodes.length === 0) return undefined;
  if (nodes.length === 1 && nodes[0]?.trim() === NO_DHT) return [];
  return nodes.map((node) => parseAddress(node.trim()));
}

// GTPKG_LAN=off is --no-lan; --lan overrides it.
function lanFrom(raw: RawSettings, env: NodeJS.ProcessEnv): boolean {
  if (raw.lan === true) return true;
  const text = variable(env, 'GTPKG_LAN')?.trim();
  if (raw['no-lan'] === true || text === 'off') return false;
  if (text === undefined || text === 'on') return true;
  throw new GtpkgError('USAGE', `GTPKG_LAN is "${text.slice(0, 80)}"`, { hint: 'It may be on or off.' });
}

/** Reads flags and environment; flags win. Relative paths are of the working directory. @throws GtpkgError BAD_ADDRESS, USAGE */
export function settingsFrom(raw: RawSettings, env: NodeJS.ProcessEnv): Settings {
  const home = resolve(raw.home ?? variable(env, 'GTPKG_HOME') ?? defaultHome(env));
  const nodes = raw.bootstrap ?? env['GTPKG_BOOTSTRAP']?.split(',').filter((part) => part.trim() !== '');
  const seconds = secondsFrom(raw.timeout, env);
  return {
    home,
    root: resolve(raw.root ?? variable(env, 'GTPKG_ROOT') ?? join(home, 'root')),
    bootstrap: bootstrapFrom(nodes),
    lan: lanFrom(raw, env),
    offline: raw.offline ?? false,
    timeout: seconds === undefined ? TIMEOUT.idle : seconds * 1000,
    json: raw.json ?? false,
    yes: raw.yes ?? false,
  };
}

/** How a depot is opened for one purpose. */
export interface DepotOptions {
  /** accept connections: only the seeder does */
  readonly server?: boolean;
  readonly listen?: Address;
  /** this command needs no peer, whatever the flags say */
  readonly local?: boolean;
  /** own the store: for the daemon itself */
  readonly own?: boolean;
  /** bytes a second */
  readonly upRate?: number | undefined;
  readonly downRate?: number | undefined;
  readonly maxConnections?: number | undefined;
  /** called when the store cannot be written any more */
  readonly onBroken?: () => void;
}

/** One invocation. */
export class Context {
  readonly settings: Settings;
  readonly report: Report;
  /** shows people a text of gtpkg's own, among notes and progress; whatever is from outside in it was made harmless */
  readonly say: (text: string) => void;
  readonly architecture: string;
  /** the command line as the history keeps it */
  readonly command: string;
  readonly #now: Date | undefined;
  #keys: KeyStore | undefined;
  #depot: Promise<Depot> | undefined;

  constructor(
    settings: Settings,
    options: {
      readonly report?: Report;
      readonly say?: (text: string) => void;
      readonly command?: string;
      readonly now?: Date;
    } = {},
  ) {
    this.settings = settings;
    this.report = options.report ?? silent;
    this.say = options.say ?? (() => undefined);
    this.command = options.command ?? 'gtpkg';
    this.#now = options.now;
    this.architecture = debianArchitecture(process.arch);
  }

  /** The time. It moves: publish and seed may run for hours, and what was signed meanwhile is not from the future. */
  get now(): Date {
    return this.#now ?? new Date();
  }

  /** A path below the home. */
  home(...parts: string[]): string {
    return join(this.settings.home, ...parts);
  }

  async keys(): Promise<KeyStore> {
    if (this.#keys === undefined) {
      const { KeyStore: Store } = await import('../trust/keystore.js');
      this.#keys = new Store(this.home('keys'));
    }
    return this.#keys;
  }

  /** The store and the swarm, opened once; later options are ignored. */
  depot(options: DepotOptions = {}): Promise<Depot> {
    this.#depot ??= import('../replication/index.js').then(({ openDepot }) =>
      openDepot({
        home: this.settings.home,
        bootstrap: this.settings.bootstrap,
        lan: this.settings.lan,
        judge: async (core, bytes) => (await import('./workflows/notices.js')).judgeNotice(this, core, bytes),
        offline: this.settings.offline || options.local === true,
        server: options.server ?? false,
        timeout: this.settings.timeout,
        mode: options.own === true ? 'own' : 'any',
        upRate: options.upRate,
        downRate: options.downRate,
        maxConnections: options.maxConnections,
        onBroken: options.onBroken,
        ...(options.listen === undefined ? {} : { listen: options.listen }),
      }),
    );
    return this.#depot;
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    const depot = await this.#depot?.catch(() => undefined);
    this.#depot = undefined;
    await depot?.close();
  }
}
