/** The `triggers` files of the packages of a root, as they will be after a transaction. */
import { joinPath } from '../model/bytes.js';
import type { Prepared } from './prepare.js';
import { parseTriggers, type TriggerLine } from './triggers.js';

/** The trigger lines of all packages that are installed in the end and whose scripts run. */
export function triggerLines({ root, plan, input }: Prepared): Map<string, TriggerLine[]> {
  const { disk, state } = root;
  const lines = new Map<string, TriggerLine[]>();
  const changed = new Set(plan.changes.flatMap(({ name, action }) => (action === 'mark' ? [] : name)));
  for (const { name, release } of plan.incoming) {
    const bytes = release.scripts.get('triggers');
    if (bytes !== undefined) lines.set(name, parseTriggers(bytes));
  }
  for (const pkg of input.status.values()) {
    const path = joinPath(state.scripts, `${pkg.name}/triggers`);
    if (changed.has(pkg.name) || pkg.state !== 'installed' || pkg.scriptsSkipped || !disk.exists(path))
      continue;
    lines.set(pkg.name, parseTriggers(disk.read(path)));
  }
  return lines;
}
