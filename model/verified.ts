/**
 * What has passed the chain of trust has a type of its own. Only the index trust machine and
 * `verifyRelease` may call `markVerified` (eslint.config.js holds the list); everything downstream asks for `Verified<…>`.
 */
declare const verified: unique symbol;

/** `T`, checked against every link of docs/threat-model.md's chain. */
export type Verified<T> = T & { readonly [verified]: true };

/** Mints the brand. Restricted by lint to the two places that verify. */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}
