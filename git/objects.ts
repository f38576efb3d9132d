/** Git objects: ids, trees, commits and tags. */
export * from './hash.js';
export * from './tree.js';
export * from './signed.js';
