/** Finds and ends the processes of maintainer scripts, by what they bear in their environment. Linux: reads /proc. */
import * as fs from 'node:fs';
import { systemCode } from '../model/errors.js';

/**
 * Processes with a variable that begins with `mark`, and those in their sessions; never this one. None where there is no /proc.
 * @throws the system's errors
 */
export function markedProcesses(mark: string): number[] {
  const found = new Set<number>();
  const sessions = new Map<number, string>();
  let names: string[];
  try {
    names = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  for (const name of names) {
    try {
      const session = fs
        .readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      // a zombie cannot be ended any more
      if (session[0] === 'Z') continue;
      sessions.set(Number(name), session[3] ?? '');
      if (
        fs
          .readFileSync(`/proc/${name}/environ`, 'latin1')
          .split('\0')
          .some((one) => one.startsWith(mark))
      )
        found.add(Number(name));
    } catch (error) {
      // gone meanwhile, or not ours
      if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
    }
  }
  const ours = new Set([...found].map((pid) => sessions.get(pid)));
  const self = sessions.get(process.pid);
  for (const [pid, session] of sessions) if (session !== self && ours.has(session)) found.add(pid);
  found.delete(process.pid);
  return [...found];
}

/** SIGKILL to a process, or to a group when `pid` is negative. @returns false when it is gone, or not ours to end */
export function endProcess(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    if (systemCode(error) === 'ESRCH' || systemCode(error) === 'EPERM') return false;
    throw error;
  }
}
