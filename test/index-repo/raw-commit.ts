/** A commit that changeIndex would refuse to make: any file with any bytes, properly signed. */
import { Repository } from '../../git/repository.js';
import type { Signer } from '../../trust/index.js';
import { commitIndex } from '../../index-repo/commit-index.js';
import { DigestFile } from '../../index-repo/digest-file.js';
import { headOf, viewIndex } from '../../index-repo/index-view.js';

/** Puts `files` on top of the head of the index in `dir`. */
export async function commitWith(
  dir: string,
  signer: Signer,
  files: Map<string, Buffer | undefined>,
): Promise<void> {
  const repository = await Repository.open(dir);
  const view = await viewIndex((oid) => repository.read(oid), await headOf(repository));
  await commitIndex({
    repository,
    digests: await DigestFile.load(dir),
    parent: view.commit,
    files,
    distribution: { ...view.distribution, sequence: view.distribution.sequence + 1 },
    authorizations: view.authorizations,
    signers: [signer],
    changes: ['something'],
    now: new Date(),
  });
}
