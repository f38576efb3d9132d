/**
 * A binary package's control paragraph, checked: deb-control(5), Policy §5.3. Pure.
 */
import { GtpkgError } from './errors.js';
import { parseParagraph, type Paragraph } from './deb822.js';
import { MAX_CONTROL } from './limits.js';
import { parseClauses, parseRelations, type Clause, type Relation } from './relation.js';
import { parseVersion } from './version.js';

export type MultiArch = 'no' | 'same' | 'foreign' | 'allowed';

/** What one release needs, gives and excludes. */
export interface Relations {
  readonly preDepends: readonly Clause[];
  readonly depends: readonly Clause[];
  readonly recommends: readonly Clause[];
  readonly suggests: readonly Clause[];
  /** the other way round: whom this package is a good addition to */
  readonly enhances: readonly Clause[];
  readonly conflicts: readonly Relation[];
  readonly breaks: readonly Relation[];
  readonly replaces: readonly Relation[];
  /** operator, where present, is `=` */
  readonly provides: readonly Relation[];
}

/** A control paragraph with the parts that gtpkg acts on made typed. */
export interface Control {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly essential: boolean;
  readonly multiArch: MultiArch;
  readonly maintainer: string;
  readonly section: string;
  readonly priority: string;
  /** KiB, as Debian counts; 0 when not stated */
  readonly installedSize: number;
  /** first line of the description */
  readonly summary: string;
  readonly relations: Relations;
  /** every field, as written */
  readonly fields: Paragraph;
}

const NAME = /^[a-z0-9][a-z0-9+.-]+$/;
const ARCH = /^[a-z0-9][a-z0-9-]*$/;

/** Policy §5.6.1: at least two characters. */
export function isPackageName(text: string): boolean {
  return text.length <= 128 && NAME.test(text);
}

/** @throws GtpkgError BAD_NAME */
export function checkPackageName(text: string): string {
  if (!isPackageName(text)) {
    throw new GtpkgError('BAD_NAME', `"${text.slice(0, 80)}" is not a package name`, {
      hint: 'Lower-case letters, digits, + - and ., at least two characters.',
    });
  }
  return text;
}

/** A Debian architecture name. */
export function isArchitecture(text: string): boolean {
  return text.length <= 64 && ARCH.test(text);
}

/**
 * The typed relations of a control paragraph or an index entry.
 * @throws GtpkgError BAD_RELATION, BAD_VERSION, LIMIT_EXCEEDED; like dpkg, for a Provides with any operator but `=`
 */
export function relationsOf(fields: Paragraph): Relations {
  const clauses = (name: string): readonly Clause[] => parseClauses(fields.get(name) ?? '', name);
  const relations = (name: string): readonly Relation[] => parseRelations(fields.get(name) ?? '', name);
  const provides = relations('Provides');
  for (const { name, operator } of provides) {
    if (operator !== undefined && operator !== '=') {
      throw new GtpkgError('BAD_RELATION', `Provides: ${name} must name one version, with =`, {
        data: { field: 'Provides' },
      });
    }
  }
  return {
    preDepends: clauses('Pre-Depends'),
    depends: clauses('Depends'),
    recommends: clauses('Recommends'),
    suggests: clauses('Suggests'),
    enhances: clauses('Enhances'),
    conflicts: relations('Conflicts'),
    breaks: relations('Breaks'),
    replaces: relations('Replaces'),
    provides,
  };
}

// dpkg takes any text here; sizes that are no sane number must not poison the sums of a plan.
function sizeOf(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,12}$/.test(text) ? Number(text) : 0;
}

/**
 * Checks and types one paragraph.
 * @throws GtpkgError CONTROL_MALFORMED, BAD_VERSION, BAD_RELATION, BAD_NAME
 */
export function controlFrom(fields: Paragraph, where: string): Control {
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === '') {
      throw new GtpkgError('CONTROL_MALFORMED', `${where}: the field ${name} is missing`, {
        hint: 'Package, Version, Architecture and Maintainer are required.',
        data: { where, field: name },
      });
    }
    return value;
  };
  const name = checkPackageName(need('Package'));
  const version = need('Version');
  parseVersion(version);
  const architecture = need('Architecture');
  if (!isArchitecture(architecture))
    throw new GtpkgError(
      'CONTROL_MALFORMED',
      `${where}: "${architecture.slice(0, 80)}" is not an architecture`,
    );
  const multiArch = fields.get('Multi-Arch') ?? 'no';
  if (!['no', 'same', 'foreign', 'allowed'].includes(multiArch)) {
    throw new GtpkgError(
      'CONTROL_MALFORMED',
      `${where}: Multi-Arch "${multiArch.slice(0, 40)}" is not no, same, foreign or allowed`,
    );
  }
  return {
    name,
    version,
    architecture,
    essential: fields.get('Essential') === 'yes',
    multiArch: multiArch as MultiArch,
    maintainer: fields.get('Maintainer') ?? '',
    section: fields.get('Section') ?? '',
    priority: fields.get('Priority') ?? '',
    installedSize: sizeOf(fields.get('Installed-Size')),
    summary: (fields.get('Description') ?? '').split('\n', 1)[0] ?? '',
    relations: relationsOf(fields),
    fields,
  };
}

/** Parses and checks a control file. @throws GtpkgError as controlFrom, LIMIT_EXCEEDED */
export function parseControl(bytes: Uint8Array, where: string): Control {
  if (bytes.length > MAX_CONTROL)
    throw new GtpkgError(
      'LIMIT_EXCEEDED',
      `${where}: the control paragraph is larger than ${MAX_CONTROL} bytes`,
    );
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GtpkgError('CONTROL_MALFORMED', `${where}: the control paragraph is not UTF-8`, { cause });
  }
  return controlFrom(parseParagraph(text, { where }), where);
}

const MACHINES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'armhf',
  ia32: 'i386',
  ppc64: 'ppc64el',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
  mips64el: 'mips64el',
};

/** Debian's name for a `process.arch` value. */
export function debianArchitecture(processArch: string): string {
  return MACHINES[processArch] ?? processArch;
}
