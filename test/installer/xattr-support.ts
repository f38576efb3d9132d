/** Extended attributes in tests. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../model/errors.js';
import type { Xattr } from '../../model/xattr.js';
import * as xattr from '../../system/xattr.js';

/** cap_net_raw+ep and cap_sys_admin+ep, as `struct vfs_cap_data`. */
export const RAW = `0100000200200000${'00'.repeat(12)}`;
export const ADMIN = `0100000200002000${'00'.repeat(12)}`;

export const capability = (value: string): Xattr => ({ name: 'security.capability', value });
/** @param text - one byte a character */
export const note = (name: string, text: string): Xattr => ({
  name,
  value: Buffer.from(text, 'latin1').toString('hex'),
});

/** False, or why nothing can be tested in this directory. */
export function lacksXattrs(dir: string, capabilities: boolean): string | false {
  const path = join(dir, 'try');
  fs.writeFileSync(path, '');
  try {
    xattr.set(Buffer.from(path), 'user.try', Buffer.alloc(0));
    if (capabilities) xattr.set(Buffer.from(path), 'security.capability', Buffer.from(RAW, 'hex'));
    return false;
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTSUP' && code !== 'EPERM') throw error;
    return `no extended attributes can be set in ${dir}: ${code}`;
  } finally {
    fs.unlinkSync(path);
  }
}

/** In hexadecimal digits; undefined: there is none. */
export const valueOf = (dir: string, path: string, name: string): string | undefined =>
  xattr.get(Buffer.from(join(dir, path)), name)?.toString('hex');
