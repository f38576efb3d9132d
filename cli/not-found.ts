/**
 * A command that does not exist, as oclif's hook `command_not_found`: the nearest one is named, nothing is run in its place.
 */
import type { Hook } from '@oclif/core';
import { closest, distance } from 'fastest-levenshtein';
import { GtpkgError } from '../model/index.js';

/** The command that was most likely meant, words separated by spaces. */
function nearest(typed: readonly string[], commands: readonly string[]): string | undefined {
  let best: { readonly command: string; readonly distance: number } | undefined;
  for (const command of commands) {
    const start = typed.slice(0, command.split(' ').length).join(' ');
    const apart = distance(start, command);
    if (apart > Math.max(1, Math.floor(command.length / 3))) continue;
    if (best === undefined || apart < best.distance) best = { command, distance: apart };
  }
  return best?.command;
}

/** The words `--like-this` that come nearest to a mistyped one. */
export function nearestFlag(typed: string, flags: readonly string[]): string | undefined {
  const word = typed.replace(/^-+/, '');
  const near = flags.length === 0 ? undefined : closest(word, [...flags]);
  return near !== undefined && distance(word, near) <= Math.max(1, Math.floor(near.length / 3))
    ? `--${near}`
    : undefined;
}

const notFound: Hook.CommandNotFound = async ({ id, config }) => {
  const typed = id.split(':');
  const commands = config.commands.filter((each) => !each.hidden).map((each) => each.id.replaceAll(':', ' '));
  const meant = nearest(typed, commands);
  const topics = new Set(config.topics.map((topic) => topic.name));
  const shown = topics.has(typed[0] ?? '') ? typed.slice(0, 2) : typed.slice(0, 1);
  const failure = new GtpkgError('USAGE', `"${shown.join(' ').slice(0, 80)}" is not a gtpkg command`, {
    hint: meant === undefined ? 'gtpkg help shows all commands.' : `Did you mean gtpkg ${meant}?`,
    data: { suggestion: meant ?? null },
  });
  // oclif drops what a hook throws unless it carries an exit status
  throw Object.assign(failure, { oclif: { exit: failure.exit } });
};

export default notFound;
