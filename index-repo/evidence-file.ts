/**
 * What a client keeps of roots that signed two histories, beside its state: `<state>.equivocation`, JSON. docs/formats/index.md §9.
 * Loads neither git nor openpgp, so that every command can ask whether a source is to be used.
 */
import { readFile } from 'node:fs/promises';
import { GtpkgError, systemCode } from '../model/errors.js';
import type { Fingerprint, Oid, Sha256 } from '../model/ids.js';
import { writeAtomically } from '../git/io.js';

/** One of two commits with one number. */
export interface Side {
  readonly commit: Oid;
  readonly sha256: Sha256;
  readonly signers: readonly Fingerprint[];
}

/** Proof that roots signed two histories. */
export interface Evidence {
  readonly sequence: number;
  /** by commit id */
  readonly sides: readonly [Side, Side];
  /** the proof as it travels (evidence.ts), base64 */
  readonly proof: string;
  /** RFC 3339, when it was found or told */
  readonly found: string;
  /** the one that the user goes on with; null while that is not decided */
  readonly accepted: Oid | null;
}

/** Kept of one source: whoever signs more than these is not to be followed anyway. */
const MOST = 16;

/** The file's name. */
export function evidencePath(statePath: string): string {
  return `${statePath}.equivocation`;
}

/** All that is kept. @throws GtpkgError INDEX_CORRUPT when the file cannot be read: nothing is believed then */
export async function readEvidence(statePath: string): Promise<readonly Evidence[]> {
  const path = evidencePath(statePath);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return [];
    throw new GtpkgError('IO_ERROR', `Cannot read ${path}`, { cause });
  }
  try {
    const { format, found } = JSON.parse(text) as { format: unknown; found: Evidence[] };
    if (format !== 2 || !Array.isArray(found) || !found.every(isEvidence)) throw new Error('another format');
    return found;
  } catch (cause) {
    throw new GtpkgError('INDEX_CORRUPT', `${path} cannot be read`, {
      hint: 'It tells that a source signed two histories. Remove the source and add it again.',
      cause,
    });
  }
}

function isEvidence(value: unknown): boolean {
  const { sequence, sides, accepted } = value as Partial<Evidence>;
  return (
    Number.isSafeInteger(sequence) &&
    Array.isArray(sides) &&
    sides.length === 2 &&
    sides.every((side) => /^[0-9a-f]{40}$/.test(String((side as Side).commit))) &&
    (accepted === null || typeof accepted === 'string')
  );
}

/** Keeps it, unless the same two are known. True when it is new. @throws GtpkgError INDEX_CORRUPT, IO_ERROR, NO_SPACE */
export async function addEvidence(statePath: string, evidence: Evidence): Promise<boolean> {
  const known = await readEvidence(statePath);
  if (known.some((each) => sameSides(each, evidence))) return false;
  const settled = known.findIndex(({ accepted }) => accepted !== null);
  if (known.length >= MOST && settled < 0) return false; // they stop the source as well as one more would
  await write(statePath, [...(known.length < MOST ? known : known.toSpliced(settled, 1)), evidence]);
  return true;
}

function sameSides(a: Evidence, b: Evidence): boolean {
  return a.sides.every(({ commit }, i) => commit === b.sides[i]?.commit);
}

/** The user has decided: undecided evidence that names `commit` is settled. Gives what was settled. @throws GtpkgError as readEvidence */
export async function settleEvidence(statePath: string, commit: Oid): Promise<readonly Evidence[]> {
  const known = await readEvidence(statePath);
  const settled = (each: Evidence): boolean => each.sides.some((side) => side.commit === commit);
  await write(
    statePath,
    known.map((each) => (settled(each) ? { ...each, accepted: commit } : each)),
  );
  return known.filter(settled);
}

/** Commits that the user has decided against. */
export function rejectedBy(evidence: readonly Evidence[]): ReadonlySet<Oid> {
  return new Set(
    evidence.flatMap(({ accepted, sides }) =>
      accepted === null ? [] : sides.map(({ commit }) => commit).filter((commit) => commit !== accepted),
    ),
  );
}

/** The first that waits for a decision. */
export function undecided(evidence: readonly Evidence[]): Evidence | undefined {
  return evidence.find(({ accepted }) => accepted === null);
}

/**
 * Refuses a source whose roots signed two histories, until the user has decided between them.
 * @param name - of the source or distribution
 * @throws GtpkgError INDEX_EQUIVOCATION with `data.sides`; as readEvidence
 */
export async function requireDecided(statePath: string, name: string): Promise<void> {
  const open = undecided(await readEvidence(statePath));
  if (open === undefined) return;
  throw new GtpkgError(
    'INDEX_EQUIVOCATION',
    `The roots of ${name} signed two different states with the number ${open.sequence}`,
    {
      hint: `Nothing is installed or updated from it until you decide. Ask the distribution which is the true one, then: gtpkg source accept ${name} COMMIT (${open.sides.map(({ commit }) => commit.slice(0, 12)).join(' or ')}).`,
      data: {
        source: name,
        sequence: open.sequence,
        sides: open.sides.map(({ commit, signers }) => ({ commit, signers })),
      },
    },
  );
}

async function write(statePath: string, found: readonly Evidence[]): Promise<void> {
  await writeAtomically(evidencePath(statePath), (handle) =>
    handle.writeFile(`${JSON.stringify({ format: 2, found }, null, 1)}\n`),
  );
}
