/** A package repository on the maintainer's disk in which git is made to see something else than the objects say. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import {
  describeRelease,
  commitRelease,
  readDirectory,
  signRelease,
  writeImage,
} from '../../package-repo/index.js';
import { writeProgram } from '../../cli/demo/packages.js';
import { program } from '../e2e/scene.js';
import { git as plainGit } from '../git/support.js';
import type { Scene } from './scene.js';

/** What the attack works on. */
export interface Local {
  readonly repository: string;
  readonly git: (...args: string[]) => string;
  /** of the release */
  readonly commit: string;
  /** a commit of other files that git is to show in its place */
  readonly evil: string;
}

/** Git shows another commit or history once `attack` is done; the release that is described and sent is as it was signed. */
export async function swappedView(scene: Scene, attack: (local: Local) => void): Promise<void> {
  const dir = scene.path(scene.fresh('local'));
  await mkdir(dir);
  const repository = `${dir}/good.git`;
  const input = await readDirectory(await writeProgram(dir, program('good')));
  const { id } = await commitRelease(repository, input);
  await input.close();
  await signRelease(repository, id, scene.ada);
  await writeImage(repository, id, `${dir}/before`, { level: 1 });
  const before = await describeRelease(repository, id);

  const git = (...args: string[]): string => plainGit(repository, ...args).trim();
  const commit = git('rev-parse', 'HEAD');
  const blob = git('hash-object', '-w', `${dir}/before`);
  await cp(repository, `${dir}/tree-maker.git`, { recursive: true });
  git('read-tree', '--empty');
  git('update-index', '--add', '--cacheinfo', `100644,${blob},control`);
  const tree = git('write-tree');
  const evil = git('-c', 'user.name=M', '-c', 'user.email=m@example.org', 'commit-tree', '-m', 'evil', tree);
  const log = git('log', '--format=%T %P %s', commit);
  attack({ repository, git, commit, evil });
  assert.notEqual(git('log', '--format=%T %P %s', commit), log, 'git itself is deceived');

  assert.deepEqual(await describeRelease(repository, id), before);
  await writeImage(repository, id, `${dir}/after`, { level: 1 });
  assert.deepEqual(await readFile(`${dir}/after`), await readFile(`${dir}/before`));
}
