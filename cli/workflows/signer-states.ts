/**
 * Keys of a source that are revoked, or that will be refused: told from its index when that changes, kept beside it in `keys.json`, and
 * asked for by commands that must start fast. What it says only warns: verification asks the index itself.
 */
import { join } from 'node:path';
import type { Fingerprint, Oid } from '../../model/index.js';
import { readStatus, type InstalledPackage } from '../../installer/status.js';
import type { Context } from '../context.js';
import { readText, writeWhole } from '../files.js';
import { listSources, type Source } from '../places.js';
import { indexRepository } from './own-index.js';

/** What is the matter with a key. */
export interface KeyTrouble {
  readonly revoked: 'hard' | 'soft' | null;
  /** RFC 3339: when its algorithm is refused */
  readonly weakFrom: string | null;
  readonly root: boolean;
  readonly userId: string;
}

interface KeysFile {
  /** tree of the keys that it was made from */
  readonly tree: Oid;
  readonly keys: Readonly<Record<string, KeyTrouble>>;
}

const path = (source: Source): string => join(source.directory, 'keys.json');

/** Keys of a source about which there is something to say. A file that cannot be read says nothing. */
export async function troubledKeys(source: Source): Promise<ReadonlyMap<string, KeyTrouble>> {
  try {
    const { keys } = JSON.parse((await readText(path(source))) ?? '{}') as Partial<KeysFile>;
    return new Map(Object.entries(keys ?? {}));
  } catch {
    return new Map();
  }
}

/** Brings the file up to a commit of the source's index. */
export async function recordKeys(source: Source, commit: Oid): Promise<void> {
  const { describeKeyFile, keyFilesOf, openIndex, viewIndex } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(source));
  const view = await viewIndex((oid) => repository.read(oid), commit);
  const tree = view.top.get('keys')?.oid;
  const known = await readText(path(source)).catch(() => undefined);
  if (tree === undefined || known?.includes(tree) === true) return;
  const keys: Record<string, KeyTrouble> = {};
  for (const [fingerprint, blob] of await keyFilesOf((oid) => repository.read(oid), view)) {
    const described = describeKeyFile(await repository.readType(blob, 'blob'));
    if (described === undefined) continue;
    const { revocation, weakFrom, userId } = described;
    if (revocation === undefined && weakFrom === undefined) continue;
    const root = view.authorizations.roots.includes(fingerprint);
    keys[fingerprint] = {
      revoked: revocation ?? null,
      weakFrom: weakFrom?.toISOString() ?? null,
      root,
      userId,
    };
  }
  await writeWhole(path(source), `${JSON.stringify({ tree, keys } satisfies KeysFile)}\n`);
}

/** An installed package whose signer's key was revoked as compromised, or without a reason. */
export interface RevokedInstall {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly signer: Fingerprint;
}

/** Installed packages that nobody should have signed: to be upgraded or removed. */
export async function revokedInstalls(context: Context): Promise<RevokedInstall[]> {
  const troubled = new Map<string, ReadonlyMap<string, KeyTrouble>>();
  for (const source of await listSources(context)) troubled.set(source.name, await troubledKeys(source));
  if ([...troubled.values()].every((keys) => keys.size === 0)) return [];
  return [...readStatus(context.settings.root).values()]
    .filter((each) => each.state === 'installed' && isRevoked(troubled, each))
    .map(({ name, version, source, pin }) => ({ name, version, source, signer: pin.signer }));
}

// A key is one key everywhere: any source that shows its revocation has proof of it.
function isRevoked(
  troubled: ReadonlyMap<string, ReadonlyMap<string, KeyTrouble>>,
  { pin }: InstalledPackage,
): boolean {
  return [...troubled.values()].some((keys) => keys.get(pin.signer)?.revoked === 'hard');
}
