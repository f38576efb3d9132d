/**
 * Files that lend rights: set-uid and set-gid programs, programs with file capabilities, device nodes. They come only as the signed manifest says, and only as far as the user's setting lets them;
 * those that a package had before, with the same owner, permissions and capabilities, are nothing new.
 */
import { pathToText } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { lentRight, type LentRight, type ManifestEntry } from '../model/manifest.js';
import { capabilityOf } from '../model/xattr.js';
import type { PlanInput, TransactionPlan } from './plan.js';

/** Take them as they come (the default), or refuse the transaction that brings new ones. */
export type SpecialFilesPolicy = 'allow' | 'refuse';

/** One that is new in the root. */
export interface SpecialFile {
  readonly package: string;
  /** as people write it */
  readonly path: string;
  readonly what: LentRight;
  /** owner and group, as the package names them */
  readonly owner: string;
}

/** Asked once for all that a transaction brings; false: the root stays as it is. */
export type AskSpecialFiles = (files: readonly SpecialFile[]) => Promise<boolean>;

/** What a transaction brings that was not there in the same way, in path order. */
export function newSpecialFiles(
  { slots }: Pick<TransactionPlan, 'slots'>,
  { manifests }: Pick<PlanInput, 'manifests'>,
): readonly SpecialFile[] {
  const found = [...slots.values()].flatMap(({ by, entry, lostTo }): SpecialFile[] => {
    const what = lostTo === undefined ? lentRight(entry) : undefined;
    if (what === undefined) return [];
    const old = by.old?.state === 'installed' ? manifests.get(by.name) : undefined;
    if (old?.some((each) => each.path === entry.path && isSame(each, entry)) === true) return [];
    const owner = `${nameOf(entry.owner)}:${nameOf(entry.group)}`;
    return [{ package: by.name, path: `/${pathToText(entry.path)}`, what, owner }];
  });
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const nameOf = ({ name, id }: ManifestEntry['owner']): string => (name === '' ? String(id) : name);
const isSame = (one: ManifestEntry, other: ManifestEntry): boolean =>
  one.type === other.type &&
  one.mode === other.mode &&
  one.link === other.link &&
  capabilityOf(one.xattrs) === capabilityOf(other.xattrs) &&
  nameOf(one.owner) === nameOf(other.owner) &&
  nameOf(one.group) === nameOf(other.group);

const SHOWN = 8;

/** One line for people. */
export function describeSpecialFiles(files: readonly SpecialFile[]): string {
  const shown = files.slice(0, SHOWN).map(({ path, what, owner }) => `${path} (${what}, ${owner})`);
  const more = files.length > SHOWN ? ` and ${files.length - SHOWN} more` : '';
  return `New files that lend rights: ${shown.join(', ')}${more}`;
}

/** What the user set. */
export interface SpecialFilesSetting {
  readonly specialFiles?: SpecialFilesPolicy | undefined;
  readonly askSpecialFiles?: AskSpecialFiles | undefined;
}

/** @throws GtpkgError POLICY_REFUSED when there are some and the setting, or whoever was asked, does not let them in */
export async function judgeSpecialFiles(
  files: readonly SpecialFile[],
  { specialFiles = 'allow', askSpecialFiles }: SpecialFilesSetting,
): Promise<void> {
  if (files.length === 0) return;
  if (specialFiles !== 'refuse' && (askSpecialFiles === undefined || (await askSpecialFiles(files)))) return;
  throw new GtpkgError('POLICY_REFUSED', `${describeSpecialFiles(files)}: refused, as you set it`, {
    hint: 'Look at them; --special-files allow lets them in. Nothing was changed.',
    data: { files },
  });
}
