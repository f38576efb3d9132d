/** A proven "no" of the resolver as a failure of the command: the reason as its message, the way out as its hint. */
import { GtpkgError } from '../../model/errors.js';
import type { Explanation } from '../../resolver/index.js';
import type { KeptBack } from './kept-back.js';

/**
 * A proven no, as a failure.
 * @param kept - what the policy does not let be used
 */
export function noSolution(explanation: Explanation, kept: readonly KeptBack[] = []): GtpkgError {
  const fixed = explanation.fixes.length > 0;
  const sentences = fixed ? explanation.sentences.slice(0, -1) : explanation.sentences;
  const [first] = kept;
  return new GtpkgError('NO_SOLUTION', sentences.join(' ').replace(/\.$/, ''), {
    hint:
      first !== undefined
        ? `The policy keeps back ${kept.map(({ name, version }) => `${name} ${version}`).join(', ')}: gtpkg trust explain ${first.name} says why.`
        : fixed
          ? (explanation.sentences.at(-1) ?? '')
          : 'gtpkg update fetches newer indexes; gtpkg show PKG tells what a package needs.',
    data: { explanation, ...(kept.length === 0 ? {} : { keptBack: kept }) },
  });
}
