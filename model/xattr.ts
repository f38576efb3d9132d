/**
 * Extended attributes as a release carries them: xattr(7), of regular files. docs/formats/manifest.md §5, ADR 0020. Pure.
 *
 * Two kinds are a package's to set: `security.capability`, the file capabilities of capabilities(7), and `user.*`. All others belong to the machine or to
 * its administrator (labels, access lists, `trusted.*`).
 */
import { MAX_XATTR_NAME } from './limits.js';

/** One attribute: plain data, so that it reaches a journal and other threads. */
export interface Xattr {
  /** one byte a character */
  readonly name: string;
  /** bytes in lower-case hexadecimal digits; may be '' */
  readonly value: string;
}

/** The attribute that holds file capabilities. */
export const CAPABILITY = 'security.capability';

/** Whether a package may set an attribute of this name. */
export function isCarried(name: string): boolean {
  return name === CAPABILITY || (/^user\.[^\0]+$/.test(name) && name.length <= MAX_XATTR_NAME);
}

// linux/capability.h: VFS_CAP_REVISION_2 and _3, with or without VFS_CAP_FLAGS_EFFECTIVE, little-endian
const REVISION_2 = /^0[01]000002[0-9a-f]{32}$/;
const REVISION_3 = /^0[01]000003[0-9a-f]{32}([0-9a-f]{8})$/;

/**
 * Whether these bytes, in hexadecimal digits, are file capabilities in their one spelling: `struct vfs_cap_data` of revision 2, or `struct vfs_ns_cap_data` (3)
 * with a root user other than 0, since Linux shows the others as revision 2. Revision 1 has 32 capabilities of the 41 that there are, and no tool writes it.
 */
export function isCapability(value: string): boolean {
  return REVISION_2.test(value) || (REVISION_3.exec(value)?.[1] ?? '00000000') !== '00000000';
}

/** Bytes that a file system keeps for them: names and values. */
export function xattrsSize(xattrs: readonly Xattr[]): number {
  return xattrs.reduce((sum, { name, value }) => sum + name.length + value.length / 2, 0);
}

/** The file capabilities among them, as hexadecimal digits. */
export function capabilityOf(xattrs: readonly Xattr[] | undefined): string | undefined {
  return xattrs?.find(({ name }) => name === CAPABILITY)?.value;
}
