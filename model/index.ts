/** The shared words. Everything here is pure: no IO, no clock. */
export * from './bytes.js';
export * from './control.js';
export * from './deb822.js';
export * from './errors.js';
export * from './events.js';
export * from './ids.js';
export * from './introduction.js';
export * from './manifest.js';
export * from './relation.js';
export * from './release.js';
export * from './universe.js';
export * from './version.js';
export * from './xattr.js';
export type { Verified } from './verified.js';
export * as limits from './limits.js';
