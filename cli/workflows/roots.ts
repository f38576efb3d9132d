/**
 * The roots that this home has changed, and which cores their way back needs: a seeder with a limit does not free those.
 *
 * `$GTPKG_HOME/roots.json` is a list of absolute paths, the last used first. It is a help: a root that is missing in it, or cannot be read, is passed
 * over.
 */
import { limits, type CoreKey } from '../../model/index.js';
import type { Context } from '../context.js';
import { readText, writeWhole } from '../files.js';

const FILE = 'roots.json';

async function known(context: Context): Promise<readonly string[]> {
  try {
    const list: unknown = JSON.parse((await readText(context.home(FILE))) ?? '[]');
    return Array.isArray(list) ? list.filter((path) => typeof path === 'string') : [];
  } catch {
    return [];
  }
}

/** Notes that this home changes the root. @throws GtpkgError NO_SPACE, PERMISSION, IO_ERROR */
export async function rememberRoot(context: Context): Promise<void> {
  const { root } = context.settings;
  const list = await known(context);
  if (list[0] === root) return;
  const others = list.filter((path) => path !== root);
  const text = JSON.stringify([root, ...others].slice(0, limits.MAX_ROOTS_KNOWN));
  await writeWhole(context.home(FILE), `${text}\n`);
}

/**
 * Cores of what is installed in the roots of this home, and of what their last transactions had changed; deltas and what these build upon included.
 * @param transactions - how many of each root; 0: nothing is needed
 */
export async function coresOfHistory(context: Context, transactions: number): Promise<Set<CoreKey>> {
  const keys = new Set<CoreKey>();
  if (transactions === 0) return keys;
  for (const root of new Set([context.settings.root, ...(await known(context))])) {
    try {
      for (const key of await coresOf(root, transactions)) keys.add(key);
    } catch {
      // gone, or not ours to read
    }
  }
  return keys;
}

async function coresOf(root: string, transactions: number): Promise<Set<CoreKey>> {
  const { readHistory, readStatus } = await import('../../installer/index.js');
  const history = readHistory(root);
  const keys = new Set([...readStatus(root).values()].map(({ pin }) => pin.core.key));
  for (const { changes } of history.slice(-transactions))
    for (const { from, to } of changes) for (const pin of [from, to]) if (pin !== null) keys.add(pin.core);
  // newest first: a delta builds upon what was there before it
  const trees = new Map(
    history.flatMap(({ changes }) =>
      changes.flatMap(({ to }) => (to === null ? [] : [[to.tree, to.core] as const])),
    ),
  );
  for (const { changes } of history.reverse()) {
    for (const { to, via } of changes) {
      if (to === null || via === undefined || !keys.has(to.core)) continue;
      keys.add(via.core);
      const older = trees.get(via.from as typeof to.tree);
      if (older !== undefined) keys.add(older);
    }
  }
  return keys;
}
