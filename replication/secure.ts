/**
 * Encrypted connections: Noise between the transport keys (@hyperswarm/secret-stream), the same over TCP and UDX, held to the node's
 * rates where it has any.
 */
import NoiseSecretStream, { type SecretStreamOptions } from '@hyperswarm/secret-stream';
import type { Connection } from 'hypercore';
import { Valve, type Rates, type Raw } from './limiter.js';

/** Makes one end of a connection, as hyperdht's option createSecretStream wants it. */
export type Secure = (isInitiator: boolean, raw: Raw | null, options: SecretStreamOptions) => Connection;

/** Connections that keep to these rates together. */
export function secureStreams(rates: Rates): Secure {
  if (rates.up === undefined && rates.down === undefined) {
    return (isInitiator, raw, options) => new NoiseSecretStream(isInitiator, raw, options);
  }
  return (isInitiator, raw, options) => new Limited(isInitiator, raw, options, rates);
}

class Limited extends NoiseSecretStream {
  readonly #rates: Rates;
  #valve: Valve | undefined;

  constructor(isInitiator: boolean, raw: Raw | null, options: SecretStreamOptions, rates: Rates) {
    // the stream must not open before the rates are known
    super(isInitiator, null, { ...options, autoStart: false });
    this.#rates = rates;
    if (options.autoStart !== false && raw !== null) this.start(raw, options);
  }

  // the library reads from and writes to _rawStream; here is the only place before it begins
  override _open(done: (error: Error | null) => void): void {
    if (this._rawStream !== null && this.#valve === undefined)
      this._rawStream = this.#valve = new Valve(this._rawStream as Raw, this.#rates);
    super._open(done);
  }

  override _read(done: (error: null) => void): void {
    if (this.#valve?.held === true) done(null);
    else super._read(done);
  }
}
