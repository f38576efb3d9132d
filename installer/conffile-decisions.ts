/**
 * What is to be done about conffiles as they are on the disk: those that come (the three-way rule of conffiles.ts), and those that go. Reads, changes nothing.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { parentPath, pathToText, type BytePath } from '../model/bytes.js';
import type { Sha256 } from '../model/ids.js';
import { MAX_NAME } from '../model/limits.js';
import type { ComposeContext } from './compose.js';
import {
  CONFFILE_NEW,
  CONFFILE_OLD,
  decideConffile,
  decideGone,
  type ConffileDecision,
  type ConffileFacts,
} from './conffiles.js';
import type { Disk } from './disk.js';
import type { GoneAt, Placement } from './survey.js';

/** A conffile that the user changed and that changed in the package too. */
export interface KeptConffile {
  readonly package: string;
  readonly path: string;
  /** the user's version is in place, the new one is at `other` (or the reverse); `none`: the package takes it away, and the user's is at `other` */
  readonly kept: 'user' | 'new' | 'none';
  /** undefined: the name would be too long */
  readonly other: string | undefined;
}

/** SHA-256 of a regular file below the root; `absent` or `special` for anything else. Never follows a link, never blocks on a fifo. */
export async function digestOnDisk(disk: Disk, path: string): Promise<Sha256 | 'absent' | 'special'> {
  const stats = disk.lstat(path);
  if (stats === undefined) return 'absent';
  if (!stats.isFile()) return 'special';
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const hash = createHash('sha256');
  const flags = (O_RDONLY | O_NOFOLLOW | O_NONBLOCK) as unknown as string;
  for await (const chunk of createReadStream(disk.at(path), { flags })) hash.update(chunk as Buffer);
  return hash.digest('hex') as Sha256;
}

/**
 * What is to be done about each conffile, as things are on the disk now.
 * @param phase - of those that come in it; default: of all
 */
export async function conffileDecisions(
  context: ComposeContext,
  phase?: number,
): Promise<ReadonlyMap<Placement, ConffileDecision>> {
  const decisions = new Map<Placement, ConffileDecision>();
  for (const placement of context.survey.placements) {
    const { conffile } = placement;
    if (conffile?.entry.sha256 === undefined) continue;
    if (phase !== undefined && context.survey.phase(placement.path) !== phase) continue;
    // of a directory that makes room, nothing is left then
    const isCleared = context.survey.cleared.includes(placement.path);
    const isTree = placement.inTree && !context.disk.exists(parentPath(placement.path));
    const current: ConffileFacts['current'] =
      isTree || isCleared ? 'absent' : await digestOnDisk(context.disk, placement.path);
    decisions.set(
      placement,
      decideConffile(
        { base: conffile.base, dist: conffile.entry.sha256, current },
        context.answers.get(placement.path) ?? context.policy,
      ),
    );
  }
  return decisions;
}

/** What is done about conffiles that go, as the maintainer took them away or something else takes their place: gone, or kept aside. */
export type GoneDecisions = ReadonlyMap<GoneAt, 'remove' | 'aside'>;

/** The same for those that the maintainer takes away. */
export async function goneDecisions(
  { survey, disk }: ComposeContext,
  phase?: number,
): Promise<GoneDecisions> {
  const decisions = new Map<GoneAt, 'remove' | 'aside'>();
  for (const one of survey.gone) {
    if (phase !== undefined && survey.phase(one.at) !== phase) continue;
    const decision = decideGone(one.base, await digestOnDisk(disk, one.at));
    if (decision !== 'leave') decisions.set(one, decision);
  }
  return decisions;
}

/** The conffiles that both sides changed, for the report. */
export function keptConffiles(
  decisions: ReadonlyMap<Placement, ConffileDecision>,
  gone: GoneDecisions = new Map(),
): KeptConffile[] {
  const aside = [...gone].flatMap(([{ at, by }, decision]): KeptConffile[] => {
    const other = beside(at, CONFFILE_OLD);
    if (decision === 'remove' || other === undefined) return [];
    const path = `/${pathToText(at)}`;
    return [{ package: by.name, path, kept: 'none', other: `/${pathToText(other)}` }];
  });
  const both = [...decisions].flatMap(([{ path, slot }, decision]): KeptConffile[] => {
    if (decision !== 'keep-beside' && decision !== 'replace-beside') return [];
    const kept = decision === 'keep-beside' ? 'user' : 'new';
    const other = beside(path, kept === 'user' ? CONFFILE_NEW : CONFFILE_OLD);
    return [
      { package: slot.by.name, path: `/${pathToText(path)}`, kept, other: other && `/${pathToText(other)}` },
    ];
  });
  return [...both, ...aside];
}

/** The name beside a conffile; undefined when it would be too long. */
export function beside(path: string, end: string): BytePath | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.length + end.length > MAX_NAME ? undefined : (`${path}${end}` as BytePath);
}
