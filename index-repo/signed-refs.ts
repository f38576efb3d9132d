/**
 * What was signed here and is not published yet: `refs/signed/<FINGERPRINT>/<sequence>`. docs/formats/index.md §12.
 *
 * A root that signs two commits with one number may complete two histories, whatever it meant: that is refused. Numbers that are
 * published need no record, as the next commit has another one.
 */
import { GtpkgError, type Fingerprint, type Oid } from '../model/index.js';
import type { Repository } from '../git/repository.js';

const SIGNED = 'refs/signed/';

/** Whose signatures are meant. */
interface Key {
  readonly fingerprint: Fingerprint;
}

/** @throws GtpkgError DOUBLE_SIGNATURE when one of them has signed another commit with this number here */
export async function refuseDoubleSignatures(
  repository: Repository,
  sequence: number,
  signers: readonly Key[],
  commit?: Oid,
): Promise<void> {
  for (const { fingerprint } of signers) {
    const before = await repository.resolveRef(`${SIGNED}${fingerprint}/${sequence}`);
    if (before === undefined || before === commit) continue;
    throw new GtpkgError(
      'DOUBLE_SIGNATURE',
      `${fingerprint} has signed another commit with the number ${sequence}: ${before}`,
      {
        hint: 'If both got enough signatures, clients would be shown two histories and stop. gtpkg index show --pending shows what is pending; gtpkg index drop takes it back, if nobody else can have signed it.',
        data: { signer: fingerprint, sequence, before },
      },
    );
  }
}

/** To be done before a signature leaves this machine. */
export async function recordSignatures(
  repository: Repository,
  { sequence, commit, signers }: { sequence: number; commit: Oid; signers: readonly Key[] },
): Promise<void> {
  for (const { fingerprint } of signers)
    await repository.writeRef(`${SIGNED}${fingerprint}/${sequence}`, commit);
}

/** Forgets records of numbers up to `sequence`, or of all. */
export async function forgetSignatures(repository: Repository, sequence = Infinity): Promise<void> {
  for (const ref of (await repository.listRefs(SIGNED)).keys())
    if (Number(ref.slice(ref.lastIndexOf('/') + 1)) <= sequence) await repository.deleteRef(ref);
}
