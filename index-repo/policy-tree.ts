/**
 * The tree `policy` of an index: which names may stand in it. docs/formats/index.md §12. Pure; reads nothing of what the files say.
 */
import { GtpkgError, limits } from '../model/index.js';
import { parseTree, type TreeEntry } from '../git/objects.js';

const NAME = /^[a-z0-9][a-z0-9+._-]{0,63}\.kn$/;

/** The path of a policy file in an index's tree. @throws GtpkgError BAD_NAME */
export function policyPath(name: string): string {
  if (!NAME.test(name))
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" cannot be the name of a policy file`, {
      hint: 'Lower-case letters, digits, . + - and _, ending in .kn.',
    });
  return `policy/${name}`;
}

/** index.md §12: the files of a policy tree, nothing else in it. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED, OBJECT_CORRUPT */
export function policyEntries(tree: Uint8Array): TreeEntry[] {
  const entries = parseTree(Buffer.from(tree));
  if (entries.length > limits.MAX_POLICY_FILES)
    throw new GtpkgError('LIMIT_EXCEEDED', `An index with more than ${limits.MAX_POLICY_FILES} policy files`);
  for (const { name, mode } of entries)
    if (!NAME.test(name) || mode !== '100644')
      throw new GtpkgError(
        'INDEX_MALFORMED',
        `The index is malformed: policy/${name.slice(0, 80)} does not belong into an index`,
      );
  return entries;
}
