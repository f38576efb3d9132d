/**
 * The files of dpkg's database, as text: /var/lib/dpkg of a root that has dpkg. Pure. deb-substvars(5) has nothing on it; dpkg-query(1),
 * dpkg's doc/ and lib/dpkg are the specification (1.21).
 */
import { pathToText, type BytePath } from '../model/bytes.js';
import { Paragraph } from '../model/deb822.js';
import type { InstalledPackage } from './status.js';
import type { TriggerLine } from './triggers.js';

/** What dpkg says of a package. */
export type DpkgState = 'installed' | 'unpacked' | 'config-files';

/** Its own fields and those that only an archive's index has. */
const NOT_KEPT = new Set([
  'package',
  'status',
  'conffiles',
  'config-version',
  'filename',
  'size',
  'md5sum',
  'sha1',
  'sha256',
]);

/** For the MD5 of bytes that are nowhere any more: no file has it, so to dpkg this one was changed, or deleted, by the user. */
export const UNKNOWN_MD5 = '0'.repeat(32);

/** The name of a package's files in `info`, without what follows the dot. */
export function infoName({ name, architecture, fields }: InstalledPackage): string {
  return fields.get('Multi-Arch') === 'same' ? `${name}:${architecture}` : name;
}

/** The package's paragraph in `status`. @param md5 - of each conffile as it was shipped last */
export function dpkgParagraph(
  pkg: InstalledPackage,
  state: DpkgState,
  md5: (path: BytePath) => string | undefined,
): Paragraph {
  const want = state === 'config-files' ? 'deinstall' : pkg.held ? 'hold' : 'install';
  const conffiles = pkg.conffiles.map(
    ({ path, obsolete }) =>
      `\n /${pathToText(path)} ${md5(path) ?? UNKNOWN_MD5}${obsolete ? ' obsolete' : ''}`,
  );
  const kept = [...pkg.fields.entries()].filter(([name]) => !NOT_KEPT.has(name.toLowerCase()));
  const isLast = (name: string): boolean => ['description', 'homepage'].includes(name.toLowerCase());
  return Paragraph.of([
    ['Package', pkg.name],
    ['Status', `${want} ok ${state}`],
    ...kept.filter(([name]) => !isLast(name)),
    ['Config-Version', state === 'config-files' ? pkg.version : undefined],
    ['Conffiles', conffiles.length === 0 ? undefined : conffiles.join('')],
    ...kept.filter(([name]) => isLast(name)),
  ]);
}

/** `info/NAME.list`. @param paths - without leading slash; '.' is the root itself */
export function listFile(paths: readonly string[]): Buffer {
  return Buffer.from([...paths.map((path) => `/${path}`), ''].join('\n'), 'latin1');
}

/** `triggers/File`, and one file for each trigger that is a name. */
export function triggerFiles(lines: ReadonlyMap<string, readonly TriggerLine[]>): Map<string, Buffer> {
  const files = new Map<string, string>([['File', '']]);
  for (const name of [...lines.keys()].sort())
    for (const { kind, noawait, name: trigger } of lines.get(name) ?? []) {
      if (kind !== 'interest') continue;
      const who = `${name}${noawait ? '/noawait' : ''}`;
      if (trigger.startsWith('/')) files.set('File', `${files.get('File') ?? ''}${trigger} ${who}\n`);
      // the name becomes a file's: dpkg allows no other characters either
      else if (/^[\w][\w.+:~-]*$/.test(trigger)) files.set(trigger, `${files.get(trigger) ?? ''}${who}\n`);
    }
  return new Map([...files].map(([name, text]) => [name, Buffer.from(text, 'latin1')]));
}
