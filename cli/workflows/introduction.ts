/** What an introduction says, before anything is trusted or fetched. */
import { GtpkgError, parseIntroduction } from '../../model/index.js';
import type { Context } from '../context.js';
import { checkName, findSource, listSources } from '../places.js';
import type { SourceSummary } from './trusted-source.js';

/**
 * What source add would trust, and under which name if one was chosen.
 * @throws GtpkgError BAD_INTRODUCTION, BAD_NAME, ALREADY_EXISTS
 */
export async function previewSource(
  context: Context,
  line: string,
  name: string | undefined,
): Promise<{ readonly source: SourceSummary }> {
  const { indexCore, roots, threshold } = parseIntroduction(line);
  const known = (await listSources(context)).find((each) => each.introduction.indexCore === indexCore);
  const taken = name === undefined ? undefined : await findSource(context, checkName(name));
  const clash = known ?? taken;
  if (clash !== undefined)
    throw new GtpkgError(
      'ALREADY_EXISTS',
      known === undefined
        ? `there is a source "${clash.name}" already`
        : `this distribution is the source "${clash.name}" already`,
      { hint: 'gtpkg source list shows what there is.' },
    );
  const unknown = { sequence: null, validUntil: null, undecided: false };
  return { source: { name: name ?? '', indexCore, roots, threshold, ...unknown } };
}
