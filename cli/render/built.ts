/** What package build and package import print: one line a release. */
import type { BuiltRelease } from '../workflows/build.js';

export function renderBuilt(release: BuiltRelease): string {
  const { name, version, architecture, dryRun, commit, repository, changed } = release;
  const title = `${name} ${version} (${architecture})`;
  return dryRun
    ? `${title} is in order and would be committed to ${repository}.`
    : `${title} is commit ${commit} in ${repository}${changed ? '' : ', as before'}`;
}
