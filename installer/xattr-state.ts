/** Extended attributes as a transaction and its journal have them: what each is, or is to be. */
import { systemCode } from '../model/errors.js';
import * as xattr from '../system/xattr.js';

/** Plain data. A release's `Xattr` is one. */
export interface XattrState {
  readonly name: string;
  /** in hexadecimal digits; null: there is none */
  readonly value: string | null;
}

/** Brings them about. @param at - an open file, or a path @throws the system's errors */
export function putXattrs(at: number | Buffer, xattrs: readonly XattrState[] = []): void {
  for (const { name, value } of xattrs) {
    const bytes = Buffer.from(value ?? '', 'hex');
    if (typeof at === 'number') xattr.setOpen(at, name, bytes);
    else if (value === null) xattr.remove(at, name);
    else xattr.set(at, name, bytes);
  }
}

/** What they are; undefined where the file system, or this system, has none. @throws the system's errors */
export function readXattrs(path: Buffer, names: readonly string[]): readonly XattrState[] | undefined {
  try {
    return names.map((name) => ({ name, value: xattr.get(path, name)?.toString('hex') ?? null }));
  } catch (error) {
    if (systemCode(error) === 'ENOTSUP') return undefined;
    throw error;
  }
}
