/**
 * The user's keys on disk: `<FPR>.asc` (0644) and `<FPR>.secret.asc` (0600) in one directory (0700).
 */
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, parseFingerprint, type Fingerprint } from '../model/index.js';
import { generateKey, PublicKey, type GenerateOptions } from './keys.js';
import { loadOpenpgp } from './openpgp.js';

/** One key of the store. */
export interface KeyInfo {
  readonly fingerprint: Fingerprint;
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** the private part is here */
  readonly secret: boolean;
  /** the private part needs a passphrase */
  readonly protected: boolean;
}

/** Something that can sign. The private part stays inside. */
export interface Signer {
  /** of the primary key */
  readonly fingerprint: Fingerprint;
  /** for git's author, committer and tagger lines */
  readonly person: { readonly name: string; readonly email: string };
  readonly publicKey: PublicKey;
  /** one armoured, detached, binary signature over `bytes` */
  sign(bytes: Uint8Array): Promise<string>;
}

/** Keys in a directory. */
export class KeyStore {
  readonly #directory: string;

  /** @param directory - made when the first key is stored */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes a key and stores it. */
  async generate(options: GenerateOptions): Promise<KeyInfo> {
    const key = await generateKey(options);
    return this.import(key.privateKey);
  }

  /** Stores a public or private key, armoured or binary. @throws GtpkgError KEY_MALFORMED, KEY_WEAK */
  async import(input: string | Uint8Array): Promise<KeyInfo> {
    const openpgp = await loadOpenpgp();
    const text = typeof input === 'string' ? input : Buffer.from(input).toString('utf8');
    const key = text.startsWith('-----BEGIN')
      ? await openpgp.readKey({ armoredKey: text })
      : await openpgp.readKey({ binaryKey: input as Uint8Array });
    const publicKey = await PublicKey.parse(key.toPublic().armor());
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#write(`${publicKey.fingerprint}.asc`, publicKey.armored, 0o644);
    if (key.isPrivate()) await this.#write(`${publicKey.fingerprint}.secret.asc`, key.armor(), 0o600);
    return (await this.#info(publicKey.fingerprint)) as KeyInfo;
  }

  async #write(name: string, text: string, mode: number): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, text, { mode });
    await chmod(`${path}.new`, mode);
    await rename(`${path}.new`, path);
  }

  async #read(name: string): Promise<string | undefined> {
    return readFile(join(this.#directory, name), 'utf8').catch(() => undefined);
  }

  async #info(fingerprint: Fingerprint): Promise<KeyInfo | undefined> {
    const text = await this.#read(`${fingerprint}.asc`);
    if (text === undefined) return undefined;
    const key = await PublicKey.parse(text);
    const secret = await this.#read(`${fingerprint}.secret.asc`);
    let isProtected = false;
    if (secret !== undefined) {
      const openpgp = await loadOpenpgp();
      isProtected = !(await openpgp.readPrivateKey({ armoredKey: secret })).isDecrypted();
    }
    const { userIds, created, expires, revoked } = key;
    return {
      fingerprint,
      userIds,
      created,
      expires,
      revoked,
      secret: secret !== undefined,
      protected: isProtected,
    };
  }

  /** The armoured public key. @throws GtpkgError KEY_NOT_FOUND */
  async exportPublic(fingerprint: Fingerprint): Promise<string> {
    return (await this.#read(`${fingerprint}.asc`)) ?? this.#missing(fingerprint);
  }

  /** The armoured private key, protected as it is stored. @throws GtpkgError KEY_NOT_FOUND */
  async exportSecret(fingerprint: Fingerprint): Promise<string> {
    return (await this.#read(`${fingerprint}.secret.asc`)) ?? this.#missing(fingerprint);
  }

  #missing(text: string): never {
    throw new GtpkgError('KEY_NOT_FOUND', `no key ${text} here`, {
      hint: 'See gtpkg key list, or gtpkg key generate.',
    });
  }

  /** All keys, sorted by fingerprint. */
  async list(): Promise<KeyInfo[]> {
    const names = await readdir(this.#directory).catch(() => [] as string[]);
    const out: KeyInfo[] = [];
    for (const name of names.sort()) {
      const match = /^([0-9A-F]{40})\.asc$/.exec(name);
      const info = match === null ? undefined : await this.#info(parseFingerprint(match[1] ?? ''));
      if (info !== undefined) out.push(info);
    }
    return out;
  }

  /** @throws GtpkgError KEY_NOT_FOUND */
  async publicKey(fingerprint: Fingerprint): Promise<PublicKey> {
    return PublicKey.parse(await this.exportPublic(fingerprint));
  }

  /** Whether the public part is here. */
  async has(fingerprint: Fingerprint): Promise<boolean> {
    return (await this.#read(`${fingerprint}.asc`)) !== undefined;
  }

  /** Fingerprint, unique suffix of 8 digits or more, or e-mail address. @throws GtpkgError KEY_NOT_FOUND */
  async resolve(text: string): Promise<Fingerprint> {
    const keys = await this.list();
    const hex = text.replace(/\s+/g, '').replace(/^0x/i, '').toUpperCase();
    const found = keys.filter((key) =>
      /^[0-9A-F]{8,40}$/.test(hex)
        ? key.fingerprint.endsWith(hex)
        : key.userIds.some((id) => id === text || id.includes(`<${text}>`)),
    );
    const [only] = found;
    if (found.length !== 1 || only === undefined) return this.#missing(text);
    return only.fingerprint;
  }

  /**
   * Opens the private key. `passphrase` is asked only when the key has one.
   * @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
   */
  async signer(fingerprint: Fingerprint, passphrase: () => Promise<string | undefined>): Promise<Signer> {
    const openpgp = await loadOpenpgp();
    const publicKey = await this.publicKey(fingerprint);
    let key = await openpgp.readPrivateKey({ armoredKey: await this.exportSecret(fingerprint) });
    if (!key.isDecrypted()) {
      const words = await passphrase();
      if (words === undefined)
        throw new GtpkgError('PASSPHRASE_NEEDED', `the key ${fingerprint} has a passphrase`);
      try {
        key = await openpgp.decryptKey({ privateKey: key, passphrase: words });
      } catch (cause) {
        throw new GtpkgError('PASSPHRASE_WRONG', `this is not the passphrase of ${fingerprint}`, { cause });
      }
    }
    const match = /^(.*?)\s*<([^<>]*)>$/.exec(publicKey.userIds[0] ?? '');
    return {
      fingerprint,
      person: { name: match?.[1] ?? fingerprint, email: match?.[2] ?? '' },
      publicKey,
      sign: async (bytes) => {
        const message = await openpgp.createMessage({ binary: bytes });
        return openpgp.sign({ message, signingKeys: key, detached: true });
      },
    };
  }
}
