/** Signing the assertions of a file, once they are found to mean what they say. */
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import type { PublicKey, Signer } from '../../trust/index.js';
import type { Assertion } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { signerFor } from './keys.js';
import { releaseKey } from './packages.js';
import { lintText } from './trust-lint.js';

/** Who signs. */
export interface SigningOptions {
  /** name of the file, for people */
  readonly file: string;
  readonly roots: readonly Signer[];
  readonly passphraseFile: string | undefined;
}

/** The assertions of a file, signed, as text that an index can take in. @throws GtpkgError as mustBeSafe and signAll */
export async function signPolicy(
  context: Context,
  options: {
    readonly file: string;
    readonly key: string | undefined;
    readonly passphraseFile: string | undefined;
  },
): Promise<{ readonly signers: readonly string[]; readonly text: string }> {
  const { file, passphraseFile } = options;
  const text = (await readGiven(file)).toString('utf8');
  await mustBeSafe(text, file);
  const signer = await signerFor(context, await releaseKey(context, options.key), passphraseFile);
  const { assertions } = await signAll(context, text, { file, roots: [signer], passphraseFile });
  const { fromBytes } = await import('../../trust/keynote/index.js');
  return {
    signers: assertions.map(({ authorizer }) => authorizer),
    text: assertions.map((each) => fromBytes(each.text)).join('\n'),
  };
}

/** What the linter finds is refused before it is signed. @throws GtpkgError POLICY_MALFORMED, POLICY_UNSAFE */
export async function mustBeSafe(text: string, where: string): Promise<void> {
  const { assertions, findings } = await lintText(text, where, 'any');
  if (assertions === 0) throw new GtpkgError('POLICY_MALFORMED', `${where} holds no assertion`);
  const [first] = findings;
  if (first === undefined) return;
  const syntax = findings.find((each) => each.rule === 'syntax');
  throw new GtpkgError(
    syntax === undefined ? 'POLICY_UNSAFE' : 'POLICY_MALFORMED',
    `${(syntax ?? first).where}: ${(syntax ?? first).message}${findings.length > 1 ? ` (and ${findings.length - 1} more)` : ''}`,
    {
      hint: `Nothing was signed. gtpkg trust lint ${where} shows all that is wrong.`,
      data: { findings },
    },
  );
}

/**
 * Signs every assertion of a text that is not signed yet, each with the key that it names; `"roots"` stands for each of `roots`.
 * @throws GtpkgError POLICY_MALFORMED, KEY_NOT_FOUND, SIGNATURE_*, SIGNER_*
 */
export async function signAll(
  context: Context,
  text: string,
  { file, roots, passphraseFile }: SigningOptions,
): Promise<{ assertions: readonly Assertion[]; keys: readonly PublicKey[] }> {
  const { keyOf, parseAssertions, principalOf, signAssertion, toBytes, verifyCredential } =
    await import('../../trust/keynote/index.js');
  const store = await context.keys();
  const written = parseAssertions(toBytes(text), file).assertions.flatMap((each) =>
    each.authorizer === 'roots'
      ? roots.map((root) => asRoot(each, principalOf(root.fingerprint)))
      : [each.text],
  );
  const signed: Assertion[] = [];
  const keys = new Map<Fingerprint, PublicKey>();
  for (const assertion of parseAssertions(written.join('\n'), file).assertions) {
    const fingerprint = keyOf(assertion.authorizer);
    if (fingerprint === undefined)
      throw new GtpkgError('POLICY_MALFORMED', `${assertion.where}: "${assertion.authorizer}" cannot sign`);
    const publicKey =
      roots.find((root) => root.fingerprint === fingerprint)?.publicKey ??
      (await store.publicKey(fingerprint));
    keys.set(fingerprint, publicKey);
    if (assertion.signature !== undefined) {
      signed.push(await verifyCredential(assertion, { keys: [publicKey], now: context.now }));
      continue;
    }
    const signer =
      roots.find((root) => root.fingerprint === fingerprint) ??
      (await signerFor(context, fingerprint, passphraseFile));
    signed.push(...parseAssertions(await signAssertion(assertion, signer), file).assertions);
  }
  return { assertions: signed, keys: [...keys.values()] };
}

// The same assertion, by one root.
function asRoot({ text, where }: Assertion, principal: string): string {
  const changed = text.replace(/^authorizer[ \t]*:[ \t]*"roots"[ \t]*$/im, `Authorizer: "${principal}"`);
  if (changed !== text) return changed;
  throw new GtpkgError('POLICY_MALFORMED', `${where}: write Authorizer: "roots" on a line of its own`);
}
