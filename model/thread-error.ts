/** Errors on their way between threads: structured cloning loses what they are. */
import { GtpkgError, systemCode, type ErrorCode } from './errors.js';

/** An error as plain data. */
export interface PlainError {
  readonly gtpkg?: ReturnType<GtpkgError['toJSON']>;
  readonly message: string;
  /** of the system's errors: `ENOSPC` */
  readonly code?: string;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof GtpkgError) return { gtpkg: error.toJSON(), message: error.message };
  const code = systemCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === undefined ? { message } : { message, code };
}

export function fromPlain({ gtpkg, message, code }: PlainError): Error {
  if (gtpkg !== undefined) {
    const { hint, data } = gtpkg;
    return new GtpkgError(gtpkg.code as ErrorCode, message, { data, ...(hint === null ? {} : { hint }) });
  }
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
