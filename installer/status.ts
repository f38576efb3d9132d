/**
 * The status of a root: one deb822 paragraph a package. docs/formats/root-state.md §status.
 *
 * Bytes in, frozen records out, and back; readStatus() needs no lock, because the file is only ever
 * replaced whole by a rename.
 */
import { compareBytes, type BytePath } from '../model/bytes.js';
import { Paragraph, parseParagraphs } from '../model/deb822.js';
import { GtpkgError } from '../model/errors.js';
import type { CoreKey, Fingerprint, Oid, Sha256 } from '../model/ids.js';
import type { ReleasePin } from '../model/release.js';
import { escapePath, unescapePath } from './path-text.js';
import { readStateFile, statePaths } from './state.js';

/** A configuration file: what the maintainer last shipped, against which the user's changes are seen. */
export interface Conffile {
  readonly path: BytePath;
  readonly sha256: Sha256;
  /** the installed version no longer ships it */
  readonly obsolete: boolean;
}

/** `config-files`: removed, its conffiles kept until it is purged. */
export type PackageState = 'installed' | 'config-files';

/** One package as the root knows it. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly state: PackageState;
  /** exactly which release this is; enough to fetch it again */
  readonly pin: ReleasePin;
  /** name of the source (the configured index) and its suite that it came from */
  readonly source: string;
  readonly suite: string;
  /** installed only because something needed it */
  readonly auto: boolean;
  readonly held: boolean;
  readonly conffiles: readonly Conffile[];
  /** paths of its manifest that are no longer its own: a package which Replaces it has them */
  readonly replaced: readonly BytePath[];
  /** of the kept manifest's bytes */
  readonly manifest: Sha256;
  /** it has maintainer scripts and they were not run */
  readonly scriptsSkipped: boolean;
  /** the control paragraph's fields, for relations and descriptions */
  readonly fields: Paragraph;
}

/** By name, in name order. */
export type RootStatus = ReadonlyMap<string, InstalledPackage>;

// A control field of such a name is dropped: what these say is ours to say.
const OWN_FIELDS = [
  'Status', 'Index-Source', 'Index-Suite', 'Core', 'Core-Size', 'Release-Tag', 'Tree-SHA256', 'Signer', 'Listed', 'Manifest-SHA256',
  'Auto-Installed', 'Held', 'Scripts', 'Conffiles', 'Replaced-Files',
]; // prettier-ignore
const OWN = new Set(OWN_FIELDS.map((name) => name.toLowerCase()));

/** The control fields worth keeping: all but those that the status file itself uses. */
export function keptFields(control: Paragraph): Paragraph {
  return Paragraph.of([...control.entries()].filter(([name]) => !OWN.has(name.toLowerCase())));
}

function toParagraph(pkg: InstalledPackage): Paragraph {
  const list = (lines: readonly string[]): string | undefined =>
    lines.length === 0 ? undefined : lines.map((line) => `\n ${line}`).join('');
  const own = Paragraph.of([
    ['Package', pkg.name],
    ['Version', pkg.version],
    ['Architecture', pkg.architecture],
    ['Status', pkg.state],
    ['Index-Source', pkg.source],
    ['Index-Suite', pkg.suite],
    ['Core', pkg.pin.core.key],
    ['Core-Size', String(pkg.pin.core.byteLength)],
    ['Release-Tag', pkg.pin.tag],
    ['Tree-SHA256', pkg.pin.tree],
    ['Signer', pkg.pin.signer],
    ['Listed', pkg.pin.listed?.toISOString()],
    ['Manifest-SHA256', pkg.manifest],
    ['Auto-Installed', pkg.auto ? 'yes' : undefined],
    ['Held', pkg.held ? 'yes' : undefined],
    ['Scripts', pkg.scriptsSkipped ? 'skipped' : undefined],
    [
      'Conffiles',
      list(pkg.conffiles.map((c) => `/${escapePath(c.path)} ${c.sha256}${c.obsolete ? ' obsolete' : ''}`)),
    ],
    ['Replaced-Files', list(pkg.replaced.map((path) => `/${escapePath(path)}`))],
  ]);
  for (const [name, value] of keptFields(pkg.fields).entries()) if (!own.has(name)) own.set(name, value);
  return own;
}

/** The file's bytes. The last line counts the packages, so that a file cut short is seen. */
export function formatStatus(status: RootStatus): Buffer {
  const sorted = [...status.values()].sort((a, b) => compareBytes(a.name, b.name));
  const text = sorted.map((pkg) => `${toParagraph(pkg).toString()}\n`).join('');
  return Buffer.from(`${text}# packages: ${sorted.length}\n`);
}

function corrupt(where: string, why: string): GtpkgError {
  return new GtpkgError('STATUS_CORRUPT', `${where}: ${why}`, {
    hint: 'gtpkg writes this file whole and never edits it; put back a copy of it, or repair it by hand.',
    data: { where },
  });
}

function fromParagraph(fields: Paragraph, where: string): InstalledPackage {
  const need = (name: string, form: RegExp): string => {
    const value = fields.get(name) ?? '';
    if (!form.test(value))
      throw corrupt(where, `${fields.get('Package') ?? '(no name)'}: the field ${name} is missing or wrong`);
    return value;
  };
  const lines = (name: string): string[] =>
    (fields.get(name) ?? '').split('\n').flatMap((line) => line.trim() || []);
  const name = need('Package', /^[a-z0-9][a-z0-9+.-]+$/);
  const version = need('Version', /^\S+$/);
  const architecture = need('Architecture', /^\S+$/);
  const listed = new Date(fields.get('Listed') ?? Number.NaN);
  const conffiles = lines('Conffiles').map((line): Conffile => {
    const match = /^\/(\S+) ([0-9a-f]{64})( obsolete)?$/.exec(line);
    if (match?.[1] === undefined) throw corrupt(where, `${name}: a line of Conffiles is wrong`);
    return { path: unescapePath(match[1]), sha256: match[2] as Sha256, obsolete: match[3] !== undefined };
  });
  return {
    name,
    version,
    architecture,
    state: need('Status', /^(installed|config-files)$/) as PackageState,
    pin: {
      name,
      version,
      architecture,
      core: {
        key: need('Core', /^[a-z0-9]{52}$/) as CoreKey,
        byteLength: Number(need('Core-Size', /^\d{1,15}$/)),
      },
      tag: need('Release-Tag', /^[0-9a-f]{40}$/) as Oid,
      tree: need('Tree-SHA256', /^[0-9a-f]{64}$/) as Sha256,
      signer: need('Signer', /^[0-9A-F]{40}$/) as Fingerprint,
      ...(Number.isNaN(listed.getTime()) ? {} : { listed }),
    },
    source: fields.get('Index-Source') ?? '',
    suite: fields.get('Index-Suite') ?? '',
    auto: fields.get('Auto-Installed') === 'yes',
    held: fields.get('Held') === 'yes',
    conffiles,
    replaced: lines('Replaced-Files').map((line) => unescapePath(line.replace(/^\//, ''))),
    manifest: need('Manifest-SHA256', /^[0-9a-f]{64}$/) as Sha256,
    scriptsSkipped: fields.get('Scripts') === 'skipped',
    fields: keptFields(fields),
  };
}

/** @throws GtpkgError STATUS_CORRUPT */
export function parseStatus(bytes: Uint8Array, where: string): RootStatus {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const paragraphs = parseParagraphs(text, { where, code: 'STATUS_CORRUPT' });
  const count = /(?:^|\n)# packages: (\d+)\n$/.exec(text.slice(-40))?.[1];
  if (Number(count ?? -1) !== paragraphs.length) throw corrupt(where, 'the file is cut short');
  const status = new Map<string, InstalledPackage>();
  for (const paragraph of paragraphs) {
    const pkg = fromParagraph(paragraph, where);
    if (status.has(pkg.name)) throw corrupt(where, `${pkg.name} stands twice`);
    status.set(pkg.name, pkg);
  }
  return status;
}

/**
 * What is installed in the root `dir`; empty when nothing ever was. Takes no lock and sees one whole state.
 * @throws GtpkgError STATUS_CORRUPT, PERMISSION, IO_ERROR, ROOT_OBSTRUCTED
 */
export function readStatus(dir: string): RootStatus {
  const { status } = statePaths(dir);
  const bytes = readStateFile(dir, status);
  return bytes === undefined ? new Map<string, InstalledPackage>() : parseStatus(bytes, `/${status}`);
}
