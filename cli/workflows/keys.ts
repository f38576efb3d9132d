/**
 * Keys of this home: generate, import, export, list, and the signer that other workflows ask for.
 */
import { buffer } from 'node:stream/consumers';
import type { Fingerprint } from '../../model/index.js';
import type { KeyInfo, Signer } from '../../trust/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { passphraseFrom } from '../prompt.js';
import { withScratch } from '../scratch.js';

/** A key as the command line shows it. */
export interface KeySummary {
  readonly fingerprint: Fingerprint;
  readonly userIds: readonly string[];
  readonly created: string;
  readonly expires: string | null;
  readonly state: 'valid' | 'expired' | 'revoked';
  readonly secret: boolean;
  readonly protected: boolean;
}

function summary(context: Context, key: KeyInfo): KeySummary {
  const expired = key.expires !== undefined && key.expires <= context.now;
  return {
    fingerprint: key.fingerprint,
    userIds: key.userIds,
    created: key.created.toISOString(),
    expires: key.expires?.toISOString() ?? null,
    state: key.revoked ? 'revoked' : expired ? 'expired' : 'valid',
    secret: key.secret,
    protected: key.protected,
  };
}

/** Makes a key and stores both parts. */
export async function generateKey(
  context: Context,
  options: { name: string; email: string; passphrase: string | undefined; days: number | undefined },
): Promise<KeySummary> {
  const keys = await context.keys();
  const made = await keys.generate({
    name: options.name,
    email: options.email,
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
    ...(options.days === undefined ? {} : { expiresIn: options.days * 86_400 }),
  });
  return summary(context, made);
}

/**
 * Imports from a file or standard input.
 * @throws GtpkgError FILE_NOT_FOUND, KEY_MALFORMED, KEY_WEAK
 */
export async function importKey(
  context: Context,
  file: string,
  dryRun: boolean,
): Promise<KeySummary & { readonly dryRun: boolean }> {
  const bytes = file === '-' ? await buffer(process.stdin) : await readGiven(file);
  if (!dryRun) return { ...summary(context, await (await context.keys()).import(bytes)), dryRun };
  const { KeyStore } = await import('../../trust/keystore.js');
  return withScratch(context, 'key', async (directory) => ({
    ...summary(context, await new KeyStore(directory).import(bytes)),
    dryRun,
  }));
}

/** @throws GtpkgError KEY_NOT_FOUND */
export async function exportKey(
  context: Context,
  name: string,
  secret: boolean,
): Promise<{ fingerprint: Fingerprint; armored: string }> {
  const keys = await context.keys();
  const fingerprint = await keys.resolve(name);
  return {
    fingerprint,
    armored: secret ? await keys.exportSecret(fingerprint) : await keys.exportPublic(fingerprint),
  };
}

/** All keys of this home, by fingerprint. */
export async function listKeys(context: Context): Promise<KeySummary[]> {
  return (await (await context.keys()).list())
    .map((key) => summary(context, key))
    .sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
}

/**
 * A signer for one key of this home.
 * @param passphraseFile - what `--passphrase-file` says
 * @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export async function signerFor(
  context: Context,
  key: string,
  passphraseFile: string | undefined,
): Promise<Signer> {
  const keys = await context.keys();
  const fingerprint = await keys.resolve(key);
  const whose = async (): Promise<string> => {
    const key = (await keys.list()).find((each) => each.fingerprint === fingerprint);
    return `${key?.userIds[0] ?? 'the key'} (${fingerprint})`;
  };
  return keys.signer(fingerprint, passphraseFrom(passphraseFile, whose));
}
