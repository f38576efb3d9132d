/**
 * The messages that index commits and co-signatures carry: the SHA-256 chain that signatures cover.
 * docs/formats/index.md §5, §6. Pure.
 */
import { GtpkgError, limits, printable, type Fingerprint, type Oid, type Sha256 } from '../model/index.js';

/** What a root signs in an index commit. */
export interface CommitMessage {
  readonly name: string;
  readonly sequence: number;
  /** id of the tree under git's SHA-256 object format */
  readonly tree: Sha256;
  /** id of the tree's `suites`, likewise; absent when there is none */
  readonly suites?: Sha256;
  /** SHA-256 of the parent's raw commit object; absent when there is no parent */
  readonly parent?: Sha256;
  /** what changed, one line each, for people */
  readonly changes: readonly string[];
}

const HASH = '([0-9a-f]{64})';
const COMMIT = new RegExp(
  `^([A-Za-z0-9.+_-]{1,64}) ([1-9]\\d{0,14})\\n\\nFormat: gtpkg-index-commit 1\\nTree-SHA256: ${HASH}\\n(?:Suites-SHA256: ${HASH}\\n)?(?:Parent-SHA256: ${HASH}\\n)?(?:\\n((?:[^\\n]+\\n)+))?$`,
);
const COSIGN = new RegExp(
  `^([A-Za-z0-9.+_-]{1,64}) ([1-9]\\d{0,14})\\n\\nFormat: gtpkg-index-cosign 1\\nCommit-SHA256: ${HASH}\\nTree-SHA256: ${HASH}\\n$`,
);

/** Writes the message; more than MAX_MESSAGE_CHANGES lines are counted instead. */
export function formatCommitMessage(message: CommitMessage): string {
  const lines = message.changes
    .slice(0, limits.MAX_MESSAGE_CHANGES)
    .map((line) => printable(line.replace(/\s+/g, ' ')).slice(0, 300));
  if (message.changes.length > lines.length) lines.push(`and ${message.changes.length - lines.length} more`);
  const hashes = [
    `Tree-SHA256: ${message.tree}`,
    ...(message.suites === undefined ? [] : [`Suites-SHA256: ${message.suites}`]),
    ...(message.parent === undefined ? [] : [`Parent-SHA256: ${message.parent}`]),
  ];
  const tail = lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
  return `${message.name} ${message.sequence}\n\nFormat: gtpkg-index-commit 1\n${hashes.join('\n')}\n${tail}`;
}

/** @throws GtpkgError INDEX_MALFORMED */
export function parseCommitMessage(text: string): CommitMessage {
  const match = COMMIT.exec(text);
  if (match === null) throw new GtpkgError('INDEX_MALFORMED', 'The message of an index commit is malformed');
  const [, name = '', sequence, tree, suites, parent, changes] = match;
  return {
    name,
    sequence: Number(sequence),
    tree: tree as Sha256,
    ...(suites === undefined ? {} : { suites: suites as Sha256 }),
    ...(parent === undefined ? {} : { parent: parent as Sha256 }),
    changes: changes === undefined ? [] : changes.slice(0, -1).split('\n'),
  };
}

/** What a further root signs in an annotated tag on the commit. */
export interface CosignMessage {
  readonly name: string;
  readonly sequence: number;
  /** SHA-256 of the raw commit object */
  readonly commit: Sha256;
  readonly tree: Sha256;
}

export function formatCosignMessage(message: CosignMessage): string {
  return `${message.name} ${message.sequence}\n\nFormat: gtpkg-index-cosign 1\nCommit-SHA256: ${message.commit}\nTree-SHA256: ${message.tree}\n`;
}

/** @throws GtpkgError INDEX_MALFORMED */
export function parseCosignMessage(text: string): CosignMessage {
  const match = COSIGN.exec(text);
  if (match === null) throw new GtpkgError('INDEX_MALFORMED', 'The message of a co-signature is malformed');
  const [, name = '', sequence, commit, tree] = match;
  return { name, sequence: Number(sequence), commit: commit as Sha256, tree: tree as Sha256 };
}

/** Name of a co-signature's tag, below `refs/tags/`. */
export function cosignTagName(commit: Oid, signer: Fingerprint): string {
  return `cosign/${commit}/${signer}`;
}
