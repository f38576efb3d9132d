/** dpkg as the judge of stories: the same packages, the same user, step by step in two roots. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { TestContext } from 'node:test';
import { deb, dpkg, dpkgRoot } from './debs.js';
import * as h from './helpers.js';

/** One step of a story. */
export type Action =
  | { readonly install: readonly h.PackageSpec[] }
  | { readonly remove: string; readonly purge?: boolean }
  | { readonly user: (dir: string) => void };

function byDpkg(work: string, dir: string, action: Action): void {
  if ('user' in action) return action.user(dir);
  const words =
    'install' in action
      ? ['--install', ...action.install.map((spec) => deb(work, spec))]
      : [action.purge === true ? '--purge' : '--remove', action.remove];
  const { status, output } = dpkg(dir, ...words);
  assert.equal(status, 0, output);
}

async function byUs(dir: string, action: Action): Promise<void> {
  if ('user' in action) action.user(dir);
  else if ('install' in action)
    await h.run(
      dir,
      action.install.map((spec) => h.install(spec)),
    );
  else await h.run(dir, [h.remove(action.remove, action.purge === true)]);
}

/** Types, modes and contents; times of the .debs differ, and dpkg calls the new conffile, and the old, by another name. */
export function simple(dir: string): string[] {
  return [...h.picture(dir)]
    .flatMap(([path, what]) => {
      if (path === 'var' || path.startsWith('var/lib')) return [];
      const parts = what.split(' ');
      const seen = parts[0] === 'file' ? `${parts[0]} ${parts[1]} ${parts[3]} ${parts[5]}` : what;
      const name = path.replace(/\.dpkg-dist$/, '.gtpkg-new').replace(/\.dpkg-old$/, '.gtpkg-old');
      return [`${name} ${seen}`];
    })
    .sort();
}

/** Every step is taken in both roots, which are compared after it. @returns the two */
export async function tell(
  t: TestContext,
  actions: readonly Action[],
): Promise<{ theirs: string; ours: string }> {
  const [work, theirs, ours] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
  dpkgRoot(theirs);
  for (const [at, action] of actions.entries()) {
    byDpkg(work, theirs, action);
    await byUs(ours, action);
    assert.deepEqual(simple(ours), simple(theirs), `after action ${at + 1} of ${actions.length}`);
  }
  return { theirs, ours };
}

/** The user writes a file. */
export const edit = (path: string, text: string): Action => ({ user: (dir) => h.write(dir, path, text) });
/** The user deletes a file. */
export const drop = (path: string): Action => ({ user: (dir) => fs.rmSync(`${dir}/${path}`) });
