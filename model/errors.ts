/**
 * Every failure a user can meet has a code, a sentence, and a next step.
 *
 * The code decides the exit status (docs/cli/README.md); names are stable, messages are not.
 */

/** Exit status of each kind of failure, as promised on the command line. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  notFound: 3,
  noSolution: 4,
  untrusted: 5,
  network: 6,
  root: 7,
  busy: 8,
} as const;

const CODES = {
  INTERNAL: EXIT.internal,
  // what the user said
  USAGE: EXIT.usage,
  BAD_INTRODUCTION: EXIT.usage,
  BAD_ADDRESS: EXIT.usage,
  BAD_VERSION: EXIT.usage,
  BAD_RELATION: EXIT.usage,
  BAD_NAME: EXIT.usage,
  CONTROL_MALFORMED: EXIT.usage,
  DEB_MALFORMED: EXIT.usage,
  DEB_UNSAFE: EXIT.usage,
  SOURCE_DIR_MALFORMED: EXIT.usage,
  PASSPHRASE_NEEDED: EXIT.usage,
  PASSPHRASE_WRONG: EXIT.usage,
  ALREADY_EXISTS: EXIT.usage,
  POLICY_MALFORMED: EXIT.usage,
  POLICY_UNSAFE: EXIT.usage,
  TOOL_MISSING: EXIT.usage,
  // not there
  PACKAGE_NOT_FOUND: EXIT.notFound,
  VERSION_NOT_FOUND: EXIT.notFound,
  NOT_INSTALLED: EXIT.notFound,
  SOURCE_NOT_FOUND: EXIT.notFound,
  INDEX_NOT_FOUND: EXIT.notFound,
  KEY_NOT_FOUND: EXIT.notFound,
  FILE_NOT_FOUND: EXIT.notFound,
  RELEASE_NOT_FOUND: EXIT.notFound,
  PEER_NOT_FOUND: EXIT.notFound,
  HISTORY_NOT_FOUND: EXIT.notFound,
  // resolver
  NO_SOLUTION: EXIT.noSolution,
  // trust and integrity
  SIGNATURE_MISSING: EXIT.untrusted,
  SIGNATURE_BAD: EXIT.untrusted,
  SIGNATURE_MALFORMED: EXIT.untrusted,
  SIGNATURE_WEAK: EXIT.untrusted,
  SIGNATURE_FUTURE: EXIT.untrusted,
  SIGNER_UNKNOWN: EXIT.untrusted,
  SIGNER_EXPIRED: EXIT.untrusted,
  SIGNER_REVOKED: EXIT.untrusted,
  KEY_MALFORMED: EXIT.untrusted,
  KEY_WEAK: EXIT.untrusted,
  THRESHOLD_NOT_MET: EXIT.untrusted,
  INTRODUCTION_MISMATCH: EXIT.untrusted,
  INDEX_ROLLBACK: EXIT.untrusted,
  INDEX_NOT_DESCENDANT: EXIT.untrusted,
  INDEX_EXPIRED: EXIT.untrusted,
  INDEX_FUTURE: EXIT.untrusted,
  INDEX_MALFORMED: EXIT.untrusted,
  INDEX_EQUIVOCATION: EXIT.untrusted,
  INDEX_CORRUPT: EXIT.untrusted,
  DOUBLE_SIGNATURE: EXIT.untrusted,
  NOTICE_MALFORMED: EXIT.untrusted,
  ENTRY_MALFORMED: EXIT.untrusted,
  RELEASE_MISMATCH: EXIT.untrusted,
  RELEASE_MALFORMED: EXIT.untrusted,
  PAYLOAD_CORRUPT: EXIT.untrusted,
  DELTA_UNUSABLE: EXIT.untrusted,
  MANIFEST_MALFORMED: EXIT.untrusted,
  OBJECT_CORRUPT: EXIT.untrusted,
  PACK_MALFORMED: EXIT.untrusted,
  LIMIT_EXCEEDED: EXIT.untrusted,
  CORE_MISMATCH: EXIT.untrusted,
  BUNDLE_MALFORMED: EXIT.untrusted,
  BUNDLE_INCOMPLETE: EXIT.untrusted,
  PEER_CORRUPT: EXIT.untrusted,
  POLICY_REFUSED: EXIT.untrusted,
  // network
  OFFLINE: EXIT.network,
  NO_PEER: EXIT.network,
  TIMEOUT: EXIT.network,
  BLOCKS_MISSING: EXIT.network,
  ADDRESS_IN_USE: EXIT.network,
  // the root is in the way
  FILE_CONFLICT: EXIT.root,
  NO_SPACE: EXIT.root,
  READ_ONLY: EXIT.root,
  PERMISSION: EXIT.root,
  IO_ERROR: EXIT.root,
  JOURNAL_CORRUPT: EXIT.root,
  STATUS_CORRUPT: EXIT.root,
  ROOT_OBSTRUCTED: EXIT.root,
  SCRIPT_FAILED: EXIT.root,
  // busy
  HOME_BUSY: EXIT.busy,
  ROOT_BUSY: EXIT.busy,
} as const;

/** A stable error name; scripts may rely on it. */
export type ErrorCode = keyof typeof CODES;

/** What a failure carries beside its code. */
export interface ErrorDetail {
  /** The next step, in the imperative: what the user can do now. */
  readonly hint?: string;
  /** Facts for `--json` and tests: plain JSON values only. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error type that crosses a room's wall. */
export class GtpkgError extends Error {
  override readonly name = 'GtpkgError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  /**
   * @param code - stable name, decides the exit status
   * @param message - what happened, one sentence without the final stop
   * @param detail - next step, facts, cause
   */
  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
    this.data = detail.data ?? {};
  }

  /** The process exit status for this failure. */
  get exit(): number {
    return CODES[this.code];
  }

  /** The shape that `--json` prints and that crosses the daemon socket. */
  toJSON(): {
    code: ErrorCode;
    message: string;
    hint: string | null;
    data: Readonly<Record<string, unknown>>;
  } {
    return { code: this.code, message: this.message, hint: this.hint ?? null, data: this.data };
  }
}

/** All codes with their exit status, for documentation and its test. */
export const ERROR_CODES: Readonly<Record<ErrorCode, number>> = CODES;

/** The system's own error name (`ENOENT`, …) of whatever was thrown, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}
