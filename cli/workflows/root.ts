/** Looking at a root and keeping it in order: verify, recover, marks. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToText } from '../../model/bytes.js';
import type { Findings } from '../../installer/verify.js';
import type { Context } from '../context.js';
import { notInstalled, someWords } from './versions.js';

/** One path that is not as signed. */
export interface Difference {
  readonly package: string;
  readonly path: string;
  /** where it lies, when dpkg-divert sent it elsewhere */
  readonly diverted: string | null;
  /** missing, type, mode, owner, size, content, link, device, unreadable */
  readonly kind: string;
  readonly expected: string;
  readonly actual: string;
  readonly conffile: boolean;
}

/** What verify found. Modified conffiles and what no package has are shown but are no fault. */
export interface Verification {
  readonly root: string;
  readonly ok: boolean;
  readonly packages: number;
  readonly differences: readonly Difference[];
  /** names in directories of packages that no package has */
  readonly extra: readonly { readonly path: string; readonly kind: string }[];
  /** there are more of them */
  readonly moreExtra: boolean;
}

/** What became of what a killed transaction left. */
export interface Recovered {
  readonly root: string;
  readonly dryRun: boolean;
  /** something was half done; with `dryRun` it still is */
  readonly recovered: boolean;
  /** null where nothing was half done, or was looked at only */
  readonly outcome: 'finished' | 'undone' | null;
}

/** What hold, unhold and mark did. */
export interface Marked {
  readonly dryRun: boolean;
  readonly packages: readonly string[];
  /** those of them that were marked otherwise before */
  readonly changed: readonly string[];
}

/** Whether gtpkg ever worked in the root. */
export async function rootIsThere(context: Context): Promise<boolean> {
  const { statePaths } = await import('../../installer/state.js');
  const root = context.settings.root;
  return existsSync(join(root, statePaths(root).format));
}

/** Names that must be installed; without any, all that are. @throws GtpkgError NOT_INSTALLED */
export async function installedNames(context: Context, words: readonly string[]): Promise<string[]> {
  const { readStatus } = await import('../../installer/status.js');
  const installed = new Set(
    [...readStatus(context.settings.root).values()]
      .filter((each) => each.state === 'installed')
      .map((each) => each.name),
  );
  for (const word of words)
    if (!installed.has(word)) throw await notInstalled(word, installed, context.settings.root);
  return words.length === 0 ? [...installed].sort() : [...new Set(words)];
}

/** Compares with the signed manifests. @throws GtpkgError NOT_INSTALLED */
export async function verifyInstalled(context: Context, words: readonly string[]): Promise<Verification> {
  const { root } = context.settings;
  const names = await installedNames(context, words);
  const { verifyAll } = await import('../../installer/verify.js');
  const wanted = words.length === 0 ? undefined : names;
  return toVerification(root, names.length, await verifyAll(root, wanted, context.report));
}

/** What was found, as it is told. @param packages - how many were looked at */
export function toVerification(
  root: string,
  packages: number,
  { differences: found, extras }: Findings,
): Verification {
  const differences = found.map(
    ({ package: name, path, diverted, kind, expected, actual, conffile }): Difference => ({
      package: name,
      path: pathToText(path),
      diverted: diverted === undefined ? null : pathToText(diverted),
      kind,
      expected,
      actual,
      conffile,
    }),
  );
  return {
    root,
    ok: differences.every((each) => each.conffile),
    packages,
    differences,
    extra: extras.paths.map(({ path, kind }) => ({ path: pathToText(path), kind })),
    moreExtra: extras.more,
  };
}

/** Opening a root for a change recovers it; that is all. Where there is no root nothing was half done. */
export async function recoverRoot(context: Context, dryRun: boolean): Promise<Recovered> {
  const { root } = context.settings;
  const nothing = { root, dryRun, recovered: false, outcome: null };
  if (!(await rootIsThere(context))) return nothing;
  if (dryRun) {
    const { statePaths } = await import('../../installer/state.js');
    return { ...nothing, recovered: existsSync(join(root, statePaths(root).journal)) };
  }
  const { openRoot } = await import('../../installer/root.js');
  const opened = await openRoot(root, { lock: 'exclusive', report: context.report });
  opened.close();
  const outcome = opened.recovered?.outcome;
  if (outcome === undefined) return nothing;
  return { root, dryRun, recovered: true, outcome: outcome === 'finished' ? 'finished' : 'undone' };
}

/** Sets marks. @throws GtpkgError NOT_INSTALLED, ROOT_BUSY */
export async function markPackages(
  context: Context,
  words: readonly string[],
  options: { readonly held?: boolean; readonly auto?: boolean; readonly dryRun: boolean },
): Promise<Marked> {
  const { dryRun, ...marks } = options;
  const { root: directory } = context.settings;
  const packages = await installedNames(context, someWords(words, 'package'));
  if (dryRun) {
    const { readStatus } = await import('../../installer/status.js');
    const status = readStatus(directory);
    const changed = packages.filter((name) => {
      const { held, auto } = status.get(name) ?? {};
      return (marks.held ?? held) !== held || (marks.auto ?? auto) !== auto;
    });
    return { dryRun, packages, changed };
  }
  const { openRoot } = await import('../../installer/root.js');
  const { setMarks } = await import('../../installer/marks.js');
  const root = await openRoot(directory, { lock: 'exclusive', report: context.report });
  try {
    const { command, now, report } = context;
    const changed = await setMarks(root, { names: packages, ...marks, command, now, report });
    return { dryRun, packages, changed };
  } finally {
    root.close();
  }
}
