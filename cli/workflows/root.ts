/** Looking at a root and keeping it in order: verify, history, recover, marks. */
import { GtpkgError, pathToText } from '../../model/index.js';
import type { Context } from '../context.js';
import { someWords } from './versions.js';

/** One path that is not as signed. */
export interface Difference {
  readonly package: string;
  readonly path: string;
  /** missing, type, mode, owner, size, content, link, unreadable */
  readonly kind: string;
  readonly expected: string;
  readonly actual: string;
  readonly conffile: boolean;
}

/** What verify found. Modified conffiles are shown but are no fault. */
export interface Verification {
  readonly ok: boolean;
  readonly packages: number;
  readonly differences: readonly Difference[];
}

/** One transaction of the past. */
export interface HistoryEntry {
  readonly id: number;
  readonly date: string;
  readonly user: string;
  readonly command: string;
  readonly changes: readonly {
    readonly name: string;
    readonly action: string;
    readonly from: string | null;
    readonly to: string | null;
  }[];
}

/** Names that must be installed. @throws GtpkgError NOT_INSTALLED */
export async function installedNames(context: Context, words: readonly string[]): Promise<string[]> {
  const { readStatus } = await import('../../installer/status.js');
  const installed = new Set(
    [...readStatus(context.settings.root).values()]
      .filter((each) => each.state === 'installed')
      .map((each) => each.name),
  );
  for (const word of words) {
    if (!installed.has(word))
      throw new GtpkgError('NOT_INSTALLED', `${word} is not installed in ${context.settings.root}`, {
        hint: 'gtpkg list shows what is.',
      });
  }
  return words.length === 0 ? [...installed].sort() : [...words];
}

/** Compares with the signed manifests. @throws GtpkgError NOT_INSTALLED */
export async function verifyInstalled(context: Context, words: readonly string[]): Promise<Verification> {
  const names = await installedNames(context, words);
  const { verifyRoot } = await import('../../installer/verify.js');
  const differences: Difference[] = [];
  for await (const { package: name, path, kind, expected, actual, conffile } of verifyRoot(
    context.settings.root,
    names,
    context.report,
  )) {
    differences.push({ package: name, path: pathToText(path), kind, expected, actual, conffile });
  }
  return { ok: differences.every((each) => each.conffile), packages: names.length, differences };
}

/** Newest first. */
export async function historyOf(context: Context): Promise<HistoryEntry[]> {
  const { readHistory } = await import('../../installer/history.js');
  return readHistory(context.settings.root)
    .map((entry) => ({
      id: entry.id,
      date: entry.date,
      user: entry.user,
      command: entry.command,
      changes: entry.changes.map(({ name, action, from, to }) => ({
        name,
        action,
        from: from?.version ?? null,
        to: to?.state === 'installed' ? to.version : null,
      })),
    }))
    .reverse();
}

/** Opening a root for a change recovers it; that is all. */
export async function recoverRoot(context: Context): Promise<{ recovered: boolean }> {
  const { openRoot } = await import('../../installer/root.js');
  const root = await openRoot(context.settings.root, { lock: 'exclusive', report: context.report });
  root.close();
  return { recovered: root.recovered !== undefined };
}

/** Sets marks. @throws GtpkgError NOT_INSTALLED, ROOT_BUSY */
export async function markPackages(
  context: Context,
  words: readonly string[],
  marks: { held?: boolean; auto?: boolean },
): Promise<{ packages: string[] }> {
  const packages = await installedNames(context, someWords(words, 'package'));
  const { openRoot } = await import('../../installer/root.js');
  const { setMarks } = await import('../../installer/marks.js');
  const root = await openRoot(context.settings.root, { lock: 'exclusive', report: context.report });
  try {
    await setMarks(root, {
      names: packages,
      ...marks,
      command: context.command,
      now: context.now,
      report: context.report,
    });
  } finally {
    root.close();
  }
  return { packages };
}
