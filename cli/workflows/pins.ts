/**
 * The user's pins: `preferences` in the home, deb822 records in the manner of apt_preferences(5). docs/policy.md.
 */
import { GtpkgError } from '../../model/errors.js';
import { Paragraph, parseParagraphs } from '../../model/deb822.js';
import { isPackageName } from '../../model/control.js';
import { MAX_PINS, MAX_PREFERENCES } from '../../model/limits.js';
import { matchesPattern, type Pin } from '../../resolver/pins.js';
import type { Context } from '../context.js';
import { readText, writeWhole } from '../files.js';
import { someWords } from './versions.js';

/** apt's range. */
const MAX_PRIORITY = 32_767;
const FIELDS = new Set(['package', 'pin', 'pin-priority', 'explanation']);
/** Above all that is not pinned, and no reason to go down. */
const PIN_PRIORITY = 990;

/** What `pin` did. */
export interface Pinned {
  readonly dryRun: boolean;
  /** all that are in force now, in order */
  readonly pins: readonly Pin[];
  readonly added: readonly Pin[];
  readonly removed: readonly Pin[];
}

const pathOf = (context: Context): string => context.home('preferences');

/** The pins of this home, in the order of the file. @throws GtpkgError CONTROL_MALFORMED with file and line */
export async function readPins(context: Context): Promise<readonly Pin[]> {
  const path = pathOf(context);
  const text = await readText(path);
  if (text === undefined) return [];
  if (text.length > MAX_PREFERENCES)
    throw new GtpkgError('LIMIT_EXCEEDED', `${path} is larger than ${MAX_PREFERENCES} bytes`);
  const pins = parseParagraphs(text, { where: path }).map((record) => pinFrom(record, path));
  if (pins.length > MAX_PINS)
    throw new GtpkgError('LIMIT_EXCEEDED', `${path} has more than ${MAX_PINS} pins`);
  return pins;
}

function pinFrom(record: Paragraph, path: string): Pin {
  const fail = (what: string): never => {
    const name = (record.get('Package') ?? '').slice(0, 80);
    throw new GtpkgError(
      'CONTROL_MALFORMED',
      `${path}: ${name === '' ? 'a record' : `Package: ${name}`}: ${what}`,
      {
        hint: 'A record has Package, Pin-Priority, and what it is about: Pin: source NAME, suite NAME, version 2.*',
        data: { path },
      },
    );
  };
  for (const [name] of record.entries())
    if (!FIELDS.has(name.toLowerCase())) fail(`there is no field ${name.slice(0, 80)}`);
  const packages = (record.get('Package') ?? '').split(/\s+/).filter((word) => word !== '');
  if (packages.length === 0 || !packages.every(isPattern)) fail('Package must name packages');
  const priority = record.get('Pin-Priority') ?? '';
  if (!/^-?\d{1,5}$/.test(priority) || Math.abs(Number(priority)) > MAX_PRIORITY)
    fail(`Pin-Priority must be a whole number between -${MAX_PRIORITY} and ${MAX_PRIORITY}`);
  const about: { source?: string; suite?: string; version?: string } = {};
  for (const part of (record.get('Pin') ?? '').split(',').filter((each) => each.trim() !== '')) {
    const [, key, value] = /^(source|suite|version)\s+(\S+)$/.exec(part.trim()) ?? [];
    if (key === undefined || value === undefined) return fail(`Pin cannot be "${part.trim().slice(0, 80)}"`);
    about[key as keyof typeof about] = value;
  }
  return { packages, ...about, priority: Number(priority) };
}

const isPattern = (text: string): boolean => isPackageName(text.replaceAll('*', 'aa'));

/** A pin as it is typed: `PKG=VERSION/SUITE@SOURCE`. */
export function pinLabel({ packages, version, suite, source }: Pin): string {
  return [
    packages.join(' '),
    ...(version === undefined ? [] : [`=${version}`]),
    ...(suite === undefined ? [] : [`/${suite}`]),
    ...(source === undefined ? [] : [`@${source}`]),
  ].join('');
}

function record(pin: Pin): Paragraph {
  const about = (['source', 'suite', 'version'] as const).flatMap((key) =>
    pin[key] === undefined ? [] : [`${key} ${pin[key]}`],
  );
  return Paragraph.of([
    ['Package', pin.packages.join(' ')],
    ['Pin', about.length === 0 ? undefined : about.join(', ')],
    ['Pin-Priority', String(pin.priority)],
  ]);
}

// As parseWanted has it, with patterns.
function parsePin(word: string, priority: number): Pin {
  const [, name, version, suite, source] =
    /^([^=/@\s]+)(?:=([^/@\s,]+))?(?:\/([^@\s,]+))?(?:@([^\s,]+))?$/.exec(word) ?? [];
  if (name === undefined || !isPattern(name))
    throw new GtpkgError('USAGE', `"${word.slice(0, 80)}" names no package`, {
      hint: "Write PKG, PKG=VERSION, PKG/SUITE or PKG@SOURCE; '*' stands for any text.",
    });
  return {
    packages: [name],
    ...(version === undefined ? {} : { version }),
    ...(suite === undefined ? {} : { suite }),
    ...(source === undefined ? {} : { source }),
    priority,
  };
}

/**
 * Adds pins, or takes those away that are about the same; no words: only looks.
 * @throws GtpkgError USAGE, CONTROL_MALFORMED, LIMIT_EXCEEDED
 */
export async function changePins(
  context: Context,
  words: readonly string[],
  options: { readonly priority?: number | undefined; readonly remove: boolean; readonly dryRun: boolean },
): Promise<Pinned> {
  const { remove, dryRun } = options;
  const before = await readPins(context);
  if (words.length === 0 && !remove) return { dryRun, pins: before, added: [], removed: [] };
  const priority = options.priority ?? PIN_PRIORITY;
  const named = someWords(words, 'package').map((word) => parsePin(word, priority));
  const labels = new Set(named.map(pinLabel));
  const removed = before.filter((pin) => labels.has(pinLabel(pin)));
  const added = remove ? [] : named;
  if (remove && removed.length === 0)
    throw new GtpkgError('PACKAGE_NOT_FOUND', `there is no pin ${[...labels].join(', ')}`, {
      hint: before.length === 0 ? 'There are no pins.' : `Pins: ${before.map(pinLabel).join(', ')}.`,
    });
  const pins = [...before.filter((pin) => !labels.has(pinLabel(pin))), ...added];
  if (pins.length > MAX_PINS) throw new GtpkgError('LIMIT_EXCEEDED', `more than ${MAX_PINS} pins`);
  if (!dryRun) {
    const head =
      '# Which releases gtpkg prefers; docs/policy.md. gtpkg pin writes this file, an editor may.\n';
    await writeWhole(pathOf(context), head + pins.map((pin) => `\n${record(pin).toString()}`).join(''));
  }
  return {
    dryRun,
    pins,
    added,
    removed: removed.filter((pin) => !added.some((one) => pinLabel(one) === pinLabel(pin))),
  };
}

/** Pins that are about a package, whatever the release. */
export function pinsAbout(pins: readonly Pin[], name: string): readonly Pin[] {
  return pins.filter(({ packages }) => packages.some((pattern) => matchesPattern(pattern, name)));
}
