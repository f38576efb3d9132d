/** What is wrong with a policy, before it is relied upon or signed. */
import type { Finding } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import { readGiven } from '../files.js';
import { policyPath, readUserText } from './trust-state.js';

/** What was found. */
export interface LintReport {
  readonly path: string;
  readonly assertions: number;
  readonly findings: readonly (Omit<Finding, 'rule'> & { readonly rule: Finding['rule'] | 'syntax' })[];
}

/**
 * Reads a file of assertions.
 * @param kind - `any`: those by keys are judged as credentials
 */
export async function lintText(text: string, where: string, kind: 'policy' | 'any'): Promise<LintReport> {
  const { fromBytes, lint, lintRules, parseAssertions, toBytes } =
    await import('../../trust/keynote/index.js');
  const { assertions, problems } = parseAssertions(toBytes(text), where);
  const found = [
    ...problems.map((each) => ({ rule: 'syntax' as const, where: each.where, message: each.message })),
    ...assertions.flatMap((each) => {
      const signed =
        kind === 'any' &&
        (/^pgp:/i.test(each.authorizer) || each.authorizer === 'roots' || each.signature !== undefined);
      // `roots` stands for the key of each root that signs (index policy add)
      return lint(each, lintRules(signed ? 'credential' : 'policy')).filter(
        ({ rule }) => rule !== 'authorizer' || each.authorizer !== 'roots',
      );
    }),
  ];
  return {
    path: where,
    assertions: assertions.length + problems.length,
    findings: found.map(({ rule, where: place, message }) => ({
      rule,
      where: place,
      message: fromBytes(message),
    })),
  };
}

/** A file, or the policy of this home. @throws GtpkgError FILE_NOT_FOUND */
export async function lintPolicy(context: Context, file: string | undefined): Promise<LintReport> {
  if (file === undefined) return lintText(await readUserText(context), policyPath(context), 'policy');
  return lintText((await readGiven(file)).toString('utf8'), file, 'any');
}
