/**
 * KeyNote (RFC 2704): who may have what done, in a language that is signed itself. docs/formats/policy.md; docs/adr/0013 says
 * where this one differs. Pure but for the signatures; loads openpgp only to check or make one.
 */
export { parseAssertions, type Assertions, type Problem } from './assertion.js';
export { keyOf, principalOf, signAssertion, verifyCredential, type Credential } from './credential.js';
export { proof, survey, type AssertionNode, type LicenseesNode, type PrincipalNode } from './derivation.js';
export { evaluate, type Answer, type Judged, type Query } from './evaluate.js';
export { lint, type Finding, type LintRules } from './lint.js';
export type { Failing } from './run.js';
export type { Assertion } from './syntax.js';
export { fromBytes, toBytes } from './text.js';
export { principalsOf } from './parse-licensees.js';
export {
  ATTRIBUTES,
  isRequirement,
  judge,
  LISTED,
  lintRules,
  permitText,
  policyDate,
  sourcePrincipal,
  speaksOf,
  TOLD_BY_RELEASE,
  VALUES,
  type AttributeName,
  type Attributes,
  type Case,
  type Compliance,
  type Judgement,
  type SourceTerms,
} from './profile.js';
