/**
 * Relations between packages: deb-control(5), Policy §7.1. Pure.
 */
import { GtpkgError } from './errors.js';
import { MAX_RELATIONS } from './limits.js';
import { parseVersion, type VersionOperator } from './version.js';

/** One package with an optional bound: `libc6:any (>= 2.36)`. */
export interface Relation {
  readonly name: string;
  /** `any`, `native` or an architecture after the colon */
  readonly archQualifier?: string;
  readonly operator?: VersionOperator;
  readonly version?: string;
}

/** Alternatives, any one of which will do. */
export type Clause = readonly Relation[];

const RELATION =
  /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?(?:\s*\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?$/;

/** One relation, without white space around it. @throws GtpkgError BAD_RELATION, BAD_VERSION */
export function parseRelation(text: string, field: string): Relation {
  const match = RELATION.exec(text);
  if (match?.[1] === undefined) {
    throw new GtpkgError('BAD_RELATION', `${field}: "${text.slice(0, 120)}" is not a package relation`, {
      hint: 'Write name, name:arch or name (>= version), alternatives with |, clauses with commas.',
      data: { field },
    });
  }
  const [, name, archQualifier, written, version] = match;
  if (written === undefined || version === undefined)
    return archQualifier === undefined ? { name } : { name, archQualifier };
  parseVersion(version);
  // Policy §7.1: the obsolete < and > mean <= and >=.
  const operator = (written === '<' ? '<=' : written === '>' ? '>=' : written) as VersionOperator;
  return archQualifier === undefined
    ? { name, operator, version }
    : { name, archQualifier, operator, version };
}

/**
 * `a (>= 1) | b, c` → [[a, b], [c]].
 * @throws GtpkgError BAD_RELATION, LIMIT_EXCEEDED
 */
export function parseClauses(text: string, field: string): readonly Clause[] {
  const clauses: Clause[] = [];
  let count = 0;
  for (const part of text.split(',')) {
    const trimmed = part.trim();
    if (trimmed === '') continue;
    const clause = trimmed.split('|').map((alternative) => parseRelation(alternative.trim(), field));
    count += clause.length;
    if (count > MAX_RELATIONS)
      throw new GtpkgError('LIMIT_EXCEEDED', `${field}: more than ${MAX_RELATIONS} relations`);
    clauses.push(clause);
  }
  return clauses;
}

/** `a (<< 1), b` → [a, b]; alternatives are not allowed here. @throws GtpkgError BAD_RELATION */
export function parseRelations(text: string, field: string): readonly Relation[] {
  return parseClauses(text, field).map((clause) => {
    if (clause.length !== 1 || clause[0] === undefined) {
      throw new GtpkgError('BAD_RELATION', `${field}: alternatives (|) are not allowed in this field`, {
        data: { field },
      });
    }
    return clause[0];
  });
}

/** The relation as it is written. */
export function formatRelation(relation: Relation): string {
  const arch = relation.archQualifier === undefined ? '' : `:${relation.archQualifier}`;
  const bound = relation.operator === undefined ? '' : ` (${relation.operator} ${relation.version ?? ''})`;
  return `${relation.name}${arch}${bound}`;
}

/** The clause as it is written. */
export function formatClause(clause: Clause): string {
  return clause.map(formatRelation).join(' | ');
}
