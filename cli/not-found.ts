/**
 * A command that does not exist, as oclif's hook `command_not_found`: the one that was meant is named, nothing is run in its place.
 */
import type { Hook, Interfaces } from '@oclif/core';
import { closest, distance } from 'fastest-levenshtein';
import { GtpkgError } from '../model/errors.js';

/** What the same thing is called elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  add: 'install',
  autopurge: 'autoremove',
  check: 'verify',
  contents: 'files',
  daemon: 'seed',
  delete: 'remove',
  'dist-upgrade': 'upgrade --full',
  fetch: 'download',
  find: 'search',
  'full-upgrade': 'upgrade --full',
  info: 'show',
  init: 'index create',
  keygen: 'key generate',
  log: 'history',
  ls: 'list',
  provides: 'owns',
  pull: 'update',
  purge: 'remove --purge',
  push: 'publish',
  refresh: 'update',
  reinstall: 'verify --repair',
  remote: 'source',
  revert: 'history undo',
  rm: 'remove',
  serve: 'seed',
  sync: 'update',
  undo: 'history undo',
  uninstall: 'remove',
  version: '--version',
  which: 'owns',
};

/** The command that was most likely meant, words separated by spaces. */
function nearest(typed: readonly string[], commands: readonly string[]): string | undefined {
  const known = Object.hasOwn(ELSEWHERE, typed[0] ?? '') ? ELSEWHERE[typed[0] ?? ''] : undefined;
  if (known !== undefined) return known;
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

/** What is said of words that are no command. */
export function unknownCommand(typed: readonly string[], config: Interfaces.Config): GtpkgError {
  const commands = config.commands.filter((each) => !each.hidden).map((each) => each.id.replaceAll(':', ' '));
  const meant = nearest(typed, commands);
  const topic = config.topics.some(({ name }) => name === typed[0]) ? typed[0] : undefined;
  const shown = (topic === undefined ? typed.slice(0, 1) : typed.slice(0, 2)).join(' ').slice(0, 80);
  return new GtpkgError('USAGE', `"${shown}" is not a gtpkg command`, {
    hint:
      meant !== undefined
        ? `Did you mean gtpkg ${meant}?`
        : topic === undefined
          ? 'gtpkg help shows all commands.'
          : `gtpkg ${topic} shows what there is.`,
    data: { suggestion: meant ?? null },
  });
}

const notFound: Hook.CommandNotFound = async ({ id, config }) => {
  const failure = unknownCommand(id.split(':'), config);
  // oclif drops what a hook throws unless it carries an exit status
  throw Object.assign(failure, { oclif: { exit: failure.exit } });
};

export default notFound;
