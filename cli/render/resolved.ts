/** The answer of `gtpkg resolve`: lines for scripts, what else there is to say as comments (`#`). */
import type { Checked, ResolvedPlan } from '../workflows/resolve.js';

/** One line a step or an uninstallable package; names and versions hold no blanks. */
export function renderResolved(answer: ResolvedPlan | Checked): string {
  if (answer.kind === 'check') {
    return [
      ...answer.uninstallable.map(
        ({ name, version, architecture, reason }) =>
          `${name} ${version} ${architecture} uninstallable: ${reason}`,
      ),
      `# ${answer.uninstallable.length} of ${answer.total} cannot be installed`,
    ].join('\n');
  }
  return [
    ...answer.steps.map(
      ({ name, version, architecture, action }) => `${name} ${version} ${architecture} ${action}`,
    ),
    ...answer.heldBack.map(
      ({ name, installed, available, reason }) =>
        `# held back: ${name} ${installed}, not ${available}: ${reason}`,
    ),
    ...answer.unmet.map(
      ({ name, version, relation }) => `# was broken before: ${name} ${version} needs ${relation}`,
    ),
    ...answer.missed.map(({ name, relation }) => `# recommended, not to be had: ${relation} (by ${name})`),
    ...(answer.autoremovable.length === 0 ? [] : [`# no longer needed: ${answer.autoremovable.join(' ')}`]),
    ...(answer.steps.length === 0 ? ['# nothing to do'] : []),
  ].join('\n');
}
