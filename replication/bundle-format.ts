/**
 * The frame of a bundle: docs/formats/bundle.md §1, §2. Pure.
 *
 * Nothing in a bundle is believed because it stands there: cores are checked against their keys, and which keys matter is told by a
 * verified index. The list of contents serves only to name what is missing.
 */
import {
  decodeCoreKey,
  encodeCoreKey,
  GtpkgError,
  limits,
  parseCoreKey,
  type CoreRef,
} from '../model/index.js';
import { blockCount } from './merkle.js';

/** As in PNG, the line ends show what a transfer as text did to a file. */
export const MAGIC = Buffer.from('gtpkg bundle 1\r\n', 'latin1');
/** Bytes of a record's head. */
export const HEAD = 16;
/** Bytes of a core record before the hashes: key and size. */
export const CORE_HEAD = 40;

/** Kinds of records, in the order in which they come. */
export const KINDS = ['list', 'log ', 'core', 'end '] as const;
export type Kind = (typeof KINDS)[number];

/** One distribution whose index is in a bundle. What is said here is a convenience, never trusted. */
export interface BundledIndex {
  readonly introduction: string;
  readonly name: string;
  readonly sequence: number;
}

/** One release that a bundle was made to hold. */
export interface BundledRelease {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly core: CoreRef;
}

/** What a bundle was made to hold. */
export interface BundleList {
  readonly distributions: readonly BundledIndex[];
  readonly releases: readonly BundledRelease[];
}

/** The head of a record. */
export function encodeHead(kind: Kind, length: number): Buffer {
  const head = Buffer.alloc(HEAD);
  head.write(kind, 'latin1');
  head.writeBigUInt64LE(BigInt(length), 8);
  return head;
}

/** Undefined for what is no head of a record. */
export function decodeHead(head: Uint8Array): { readonly kind: Kind; readonly length: number } | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.length < HEAD || bytes.readUInt32LE(4) !== 0) return undefined;
  const kind = KINDS.find((each) => each === bytes.toString('latin1', 0, 4));
  const length = bytes.readBigUInt64LE(8);
  if (kind === undefined || length > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { kind, length: Number(length) };
}

/** The length of a core record's body. */
export function coreLength(byteLength: number): number {
  return CORE_HEAD + 32 * blockCount(byteLength) + byteLength;
}

export function encodeCoreHead({ key, byteLength }: CoreRef): Buffer {
  const head = Buffer.alloc(CORE_HEAD);
  head.set(decodeCoreKey(key));
  head.writeBigUInt64LE(BigInt(byteLength), 32);
  return head;
}

/** Undefined unless it is the head of a core whose record has this length. */
export function decodeCoreHead(head: Uint8Array, length: number): CoreRef | undefined {
  if (head.byteLength !== CORE_HEAD) return undefined;
  const size = Buffer.from(head.buffer, head.byteOffset, CORE_HEAD).readBigUInt64LE(32);
  if (size < 1n || size > BigInt(limits.MAX_STATIC_CORE)) return undefined;
  const byteLength = Number(size);
  if (coreLength(byteLength) !== length) return undefined;
  return { key: encodeCoreKey(head.subarray(0, 32)), byteLength };
}

/** @throws GtpkgError LIMIT_EXCEEDED */
export function encodeList({ distributions, releases }: BundleList): Buffer {
  const rows = releases.map(({ name, version, architecture, core }) => [
    name,
    version,
    architecture,
    core.key,
    core.byteLength,
  ]);
  const bytes = Buffer.from(
    `${JSON.stringify({ format: 'gtpkg-bundle-list 1', distributions, releases: rows })}\n`,
  );
  if (bytes.length > limits.MAX_BUNDLE_LIST || releases.length > limits.MAX_REFS)
    throw new GtpkgError('LIMIT_EXCEEDED', `${releases.length} releases are too many for one bundle`, {
      hint: 'Name packages or a suite.',
    });
  return bytes;
}

/** Undefined for anything but a list; strings in it are from outside all the same. */
export function decodeList(bytes: Uint8Array): BundleList | undefined {
  try {
    const json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<
      string,
      unknown
    >;
    const { format, distributions, releases } = json;
    if (format !== 'gtpkg-bundle-list 1' || !Array.isArray(distributions) || !Array.isArray(releases))
      return undefined;
    if (distributions.length > limits.MAX_BUNDLE_SOURCES || releases.length > limits.MAX_REFS)
      return undefined;
    return { distributions: distributions.map(toIndex), releases: releases.map(toRelease) };
  } catch {
    return undefined;
  }
}

function toIndex(value: unknown): BundledIndex {
  const { introduction, name, sequence } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(sequence)) throw new RangeError('sequence');
  return {
    introduction: text(introduction, limits.MAX_INTRODUCTION),
    name: text(name, limits.MAX_NAME),
    sequence: Number(sequence),
  };
}

function toRelease(value: unknown): BundledRelease {
  const [name, version, architecture, key, byteLength] = value as unknown[];
  if (!Number.isSafeInteger(byteLength) || Number(byteLength) < 1) throw new RangeError('size');
  const core = { key: parseCoreKey(text(key, 52)), byteLength: Number(byteLength) };
  return {
    name: text(name, limits.MAX_NAME),
    version: text(version, limits.MAX_NAME),
    architecture: text(architecture, limits.MAX_NAME),
    core,
  };
}

function text(value: unknown, most: number): string {
  if (typeof value !== 'string' || value.length > most) throw new RangeError('text');
  return value;
}
