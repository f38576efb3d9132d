/**
 * Rules of the user's own policy, written and taken away one by one. A rule is a paragraph (or two) of KeyNote in `$GTPKG_HOME/policy`, told by
 * the first line of its Comment, which is the command that made it; whatever else stands in the file is left as it is.
 *
 * The whole file is read before it is changed, and the whole result before it is written.
 */
import { rm } from 'node:fs/promises';
import { GtpkgError, printable, type Fingerprint } from '../../model/index.js';
import type { Context } from '../context.js';
import { writeWhole } from '../files.js';
import { parseUserPolicy, policyPath, readUserText } from './trust-state.js';

/** A rule, ready to be written. */
export interface Rule {
  /** first line of its Comment */
  readonly id: string;
  /** paragraphs; the same for the same rule */
  readonly text: string;
}

/** What became of a rule. */
export interface RuleChange {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
  readonly changed: boolean;
  readonly undone: boolean;
  readonly dryRun: boolean;
}

const HEADER = `# What this home adds to, and takes from, what its sources accept (docs/formats/policy.md). A paragraph is a rule:
# delete it to undo it, or change it; gtpkg trust lint checks the file, gtpkg trust explain PKG shows what follows from it.
`;

/** KeyNote for "the package is one of these". @throws GtpkgError BAD_NAME */
function names(globs: readonly string[]): string {
  const tests = globs.map((glob) => {
    if (!/^[a-z0-9*?][a-z0-9+.*?-]{0,254}$/.test(glob))
      throw new GtpkgError('BAD_NAME', `"${glob.slice(0, 80)}" names no package`, {
        hint: 'Give names; * stands for any text, ? for one character.',
      });
    if (!/[*?]/.test(glob)) return `name == "${glob}"`;
    const pattern = glob.replace(/[.+]/g, '\\\\$&').replaceAll('*', '.*').replaceAll('?', '.');
    return `name ~= "^${pattern}$"`;
  });
  return tests.length === 1 ? (tests[0] ?? 'false') : `(${tests.join(' || ')})`;
}

const key = (fingerprint: string): string => `"pgp:${fingerprint.toLowerCase()}"`;
const quoted = (glob: string): string => (/[*?]/.test(glob) ? `'${glob}'` : glob);
const word = (globs: readonly string[]): string => globs.map(quoted).join(' ');

function paragraph(
  id: string,
  fields: readonly (readonly [string, string | undefined])[],
  note = '',
): string {
  const said = printable(note).replace(/\s+/g, ' ').trim();
  const lines = fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\n`]));
  return `Comment: ${id}\n${said === '' ? '' : `  ${said}\n`}${lines.join('')}`;
}

/** Nothing that this key signed: of all packages, or of some. @throws GtpkgError BAD_NAME */
export function shunRule(fingerprint: Fingerprint, packages: readonly string[], who = ''): Rule {
  const id = `gtpkg trust shun ${fingerprint}${packages.map((glob) => ` --package ${quoted(glob)}`).join('')}`;
  const test = `signer != ${key(fingerprint)}`;
  const scoped = packages.length === 0 ? test : `(!(${names(packages)}) || ${test})`;
  const label = `"REQUIRE not ${fingerprint.slice(-16)}${packages.length === 0 ? '' : `: ${word(packages)}`}"`;
  const text = paragraph(
    id,
    [
      ['Authorizer', label],
      ['Conditions', `app_domain == "gtpkg" && ${scoped};`],
    ],
    who,
  );
  return { id, text };
}

/** So many co-signers, of whoever the index accepts or of the people named. @throws GtpkgError BAD_NAME, USAGE */
export function cosignerRule(
  packages: readonly string[],
  cosigners: number,
  from: readonly Fingerprint[],
): Rule {
  const id = `gtpkg trust require ${word(packages)}`;
  const named = names(packages);
  const label = `"REQUIRE ${cosigners} co-signer${cosigners === 1 ? '' : 's'}: ${word(packages)}"`;
  if (from.length === 0) {
    const test = `(!(${named}) || @cosigners >= ${cosigners})`;
    return {
      id,
      text: paragraph(id, [
        ['Authorizer', label],
        ['Conditions', `app_domain == "gtpkg" && ${test};`],
      ]),
    };
  }
  const distinct = [...new Set(from)];
  if (distinct.length < cosigners)
    throw new GtpkgError('USAGE', `${cosigners} of ${distinct.length} people can never be`, {
      hint: 'Name more with --from.',
    });
  const licensees = `${cosigners}-of(${distinct.map(key).join(', ')})`;
  const others = paragraph(
    id,
    [
      ['Authorizer', label],
      ['Conditions', `app_domain == "gtpkg" && !(${named});`],
    ],
    'all other packages',
  );
  const these = paragraph(id, [
    ['Authorizer', label],
    ['Licensees', licensees],
    ['Conditions', `app_domain == "gtpkg" && ${named};`],
  ]);
  return { id, text: `${others}\n${these}` };
}

/** These packages from one source only. @throws GtpkgError BAD_NAME */
export function onlyRule(packages: readonly string[], source: string): Rule {
  const id = `gtpkg trust only ${word(packages)}`;
  const label = `"REQUIRE from ${source}: ${word(packages)}"`;
  const test = `(!(${names(packages)}) || source == "${source}")`;
  return {
    id,
    text: paragraph(id, [
      ['Authorizer', label],
      ['Conditions', `app_domain == "gtpkg" && ${test};`],
    ]),
  };
}

/** Whatever this key signs of these packages, wherever it is listed. @throws GtpkgError BAD_NAME */
export function acceptRule(fingerprint: Fingerprint, packages: readonly string[], who = ''): Rule {
  const id = `gtpkg key trust ${fingerprint} --for ${packages.map(quoted).join(' --for ')}`;
  const conditions = `app_domain == "gtpkg" && action == "release" && ${names(packages)} -> "auto";`;
  return {
    id,
    text: paragraph(
      id,
      [
        ['Authorizer', '"POLICY"'],
        ['Licensees', key(fingerprint)],
        ['Conditions', conditions],
      ],
      who,
    ),
  };
}

/** Writes a rule; one with the same id is replaced. @throws GtpkgError POLICY_MALFORMED */
export async function addRule(context: Context, rule: Rule, dryRun: boolean): Promise<RuleChange> {
  const before = await readUserText(context);
  const without = await withoutRule(before, policyPath(context), rule.id);
  const start = without.text.trim() === '' ? HEADER : without.text;
  const after = `${start.trimEnd()}\n\n${rule.text}`;
  return finish(context, {
    rule,
    before,
    after: without.removed === rule.text ? before : after,
    undone: false,
    dryRun,
  });
}

/** Takes a rule away. @throws GtpkgError POLICY_MALFORMED, FILE_NOT_FOUND when there is none */
export async function dropRule(context: Context, rule: Rule, dryRun: boolean): Promise<RuleChange> {
  const before = await readUserText(context);
  const { text, removed } = await withoutRule(before, policyPath(context), rule.id);
  if (removed === '')
    throw new GtpkgError('FILE_NOT_FOUND', `there is no rule "${rule.id}" in ${policyPath(context)}`, {
      hint: 'gtpkg trust show prints the rules that there are.',
      data: { rule: rule.id },
    });
  return finish(context, {
    rule: { ...rule, text: removed },
    before,
    after: text.trim() === HEADER.trim() ? '' : text,
    undone: true,
    dryRun,
  });
}

async function finish(
  context: Context,
  job: { rule: Rule; before: string; after: string; undone: boolean; dryRun: boolean },
): Promise<RuleChange> {
  const { rule, before, after, undone, dryRun } = job;
  const path = policyPath(context);
  await parseUserPolicy(after, path);
  const changed = after !== before;
  if (changed && !dryRun) {
    if (after === '') await rm(path, { force: true });
    else await writeWhole(path, after);
  }
  return { rule: rule.id, path, text: rule.text, changed, undone, dryRun };
}

// The file without a rule's paragraphs, and those.
async function withoutRule(
  text: string,
  where: string,
  id: string,
): Promise<{ text: string; removed: string }> {
  const assertions = await parseUserPolicy(text, where);
  const { fromBytes } = await import('../../trust/keynote/index.js');
  const lines = text.split('\n');
  const removed: string[] = [];
  const own = assertions.filter(({ comment }) => comment?.split('\n')[0]?.trim() === id);
  for (const { text: bytes, where: place } of own.toReversed()) {
    const found = fromBytes(bytes);
    const first = Number(place.slice(place.lastIndexOf(':') + 1)) - 1;
    const length = found.split('\n').length - 1;
    const blank = lines[first + length]?.trim() === '' ? 1 : 0;
    lines.splice(first, length + blank);
    removed.unshift(found);
  }
  const left = lines.join('\n').trimEnd();
  return { text: left === '' ? '' : `${left}\n`, removed: removed.join('\n') };
}
