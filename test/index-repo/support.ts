/**
 * What the tests of the index room share: signers with any date, entries, an index chain in memory that can be made wrong in
 * every way, and logs in memory.
 */
import { createHash } from 'node:crypto';
import * as openpgp from 'openpgp';
import {
  Paragraph,
  controlFrom,
  encodeCoreKey,
  type CoreKey,
  type CoreRef,
  type Fingerprint,
  type Introduction,
  type Oid,
  type Sha256,
} from '../../model/index.js';
import {
  encodeCommit,
  encodeTag,
  hashObject,
  signCommit,
  signTag,
  type GitObject,
} from '../../git/objects.js';
import { generateKey, PublicKey, type Signer } from '../../trust/index.js';
import { entryFrom, type IndexEntry, type LogWriter } from '../../index-repo/index.js';
import {
  formatAuthorizations,
  formatDistribution,
  type Authorizations,
  type Distribution,
} from '../../index-repo/documents.js';
import { editTree } from '../../index-repo/edit-tree.js';
import { cosignTagName, formatCommitMessage, formatCosignMessage } from '../../index-repo/messages.js';
import { commit256, computeIds } from '../../index-repo/object-ids.js';
import type { IndexUpdate } from '../../index-repo/trusted-index.js';

/** A signer whose signatures can bear any date. */
export interface TestSigner extends Signer {
  at(date: Date): Signer;
  /** its public key as it is once it was revoked */
  revoked(reason?: 'compromised' | 'retired', date?: Date): Promise<PublicKey>;
}

/** A key of its own for each call. */
export async function makeSigner(
  name: string,
  options: { expiresIn?: number; date?: Date } = {},
): Promise<TestSigner> {
  const key = await generateKey({ name, email: `${name.toLowerCase()}@example.org`, ...options });
  const signingKeys = await openpgp.readPrivateKey({ armoredKey: key.privateKey });
  return signerOf(signingKeys, await PublicKey.parse(key.publicKey), name);
}

/** A signer from an opened private key. */
export function signerOf(signingKeys: openpgp.PrivateKey, publicKey: PublicKey, name: string): TestSigner {
  const { fingerprint } = publicKey;
  const person = { name, email: `${name.toLowerCase()}@example.org` };
  const at = (date: Date): Signer => ({
    fingerprint,
    person,
    publicKey,
    sign: async (bytes) => {
      const message = await openpgp.createMessage({ binary: bytes });
      return openpgp.sign({ message, signingKeys, detached: true, format: 'armored', date });
    },
  });
  const revoked: TestSigner['revoked'] = async (reason = 'compromised', date = new Date()) => {
    const { reasonForRevocation } = openpgp.enums;
    const flag = reason === 'retired' ? reasonForRevocation.keyRetired : reasonForRevocation.keyCompromised;
    const { publicKey: armored } = await openpgp.revokeKey({
      key: signingKeys,
      reasonForRevocation: { flag, string: '' },
      date,
    });
    return PublicKey.parse(armored);
  };
  return { ...at(new Date()), sign: (bytes) => at(new Date()).sign(bytes), at, revoked };
}

/** A core key made from text. */
export function coreKey(text: string): CoreKey {
  return encodeCoreKey(createHash('sha256').update(text).digest());
}

const hex = (text: string, length: number): string =>
  createHash('sha512').update(text).digest('hex').slice(0, length);

/** A control paragraph. */
export function makeControl(name: string, version: string, fields: Record<string, string> = {}) {
  return controlFrom(
    Paragraph.of(
      Object.entries({
        Package: name,
        Version: version,
        Architecture: 'amd64',
        Maintainer: 'Ada <ada@example.org>',
        Description: `the ${name} package\n It does what ${name} does.\n .\n And more.`,
        ...fields,
      }),
    ),
    'test',
  );
}

/** A release's entry; `content` stands for what is in it. */
export function makeEntry(
  name: string,
  version: string,
  signer: Fingerprint,
  options: { fields?: Record<string, string>; content?: string } = {},
): IndexEntry {
  const control = makeControl(name, version, options.fields);
  const seed = `${name} ${version} ${control.architecture} ${options.content ?? ''}`;
  return entryFrom(control, {
    name,
    version,
    architecture: control.architecture,
    core: { key: coreKey(seed), byteLength: 1000 + name.length },
    tag: hex(`tag ${seed}`, 40) as Oid,
    tree: hex(`tree ${seed}`, 64) as Sha256,
    signer,
  });
}

/** How one commit of a chain differs from an honest one. */
export interface CommitPlan {
  readonly signers: readonly Signer[];
  readonly distribution?: Partial<Distribution>;
  readonly authorizations?: Partial<Authorizations>;
  /** path → contents; undefined removes */
  readonly files?: Record<string, Buffer | undefined>;
  readonly keys?: readonly PublicKey[];
  /** other hashes than the true ones in the commit message */
  readonly message?: { tree?: Sha256; parent?: Sha256; suites?: Sha256; sequence?: number; name?: string };
  /** tree to sign instead of the true one, which is in `objects` by then */
  readonly tree?: (honest: Oid) => Oid;
  /** parent to name in the commit header instead of the true one */
  readonly parent?: ChainCommit | undefined;
  /** the bytes that go into the object after signing */
  readonly mangle?: (body: Buffer) => Buffer;
  readonly unsigned?: boolean;
}

/** A commit with what stands in it. */
export interface ChainCommit {
  readonly object: GitObject;
  readonly oid: Oid;
  readonly tree: Oid;
  readonly sha256: Sha256;
  readonly distribution: Distribution;
  readonly authorizations: Authorizations;
}

/** An index in memory, built commit by commit. */
export class Chain {
  readonly objects = new Map<Oid, GitObject>();
  readonly commits: ChainCommit[] = [];
  readonly tags: GitObject[] = [];

  /** A second history with the same beginning. */
  branch(length = this.commits.length): Chain {
    const chain = new Chain();
    for (const [oid, object] of this.objects) chain.objects.set(oid, object);
    chain.commits.push(...this.commits.slice(0, length));
    chain.tags.push(...this.tags);
    return chain;
  }

  put(type: GitObject['type'], body: Buffer): Oid {
    const oid = hashObject(type, body);
    this.objects.set(oid, { type, body });
    return oid;
  }

  /** The newest commit. */
  get tip(): ChainCommit {
    const tip = this.commits.at(-1);
    if (tip === undefined) throw new Error('an empty chain');
    return tip;
  }

  async commit(plan: CommitPlan): Promise<ChainCommit> {
    const parent = 'parent' in plan ? plan.parent : this.commits.at(-1);
    const now = new Date(Math.floor(Date.now() / 1000) * 1000);
    const before = parent?.distribution;
    const distribution: Distribution = {
      ...(before ?? {
        name: 'test',
        suites: ['stable'],
        architectures: ['amd64'],
        indexCore: coreKey('log'),
      }),
      sequence: (before?.sequence ?? 0) + 1,
      date: now,
      validUntil: new Date(now.getTime() + 30 * 86_400_000),
      ...plan.distribution,
    };
    const authorizations: Authorizations = {
      ...(parent?.authorizations ?? {
        threshold: 1,
        since: 1,
        roots: plan.signers.map((signer) => signer.fingerprint),
      }),
      ...plan.authorizations,
    };
    const keys = plan.keys ?? (parent === undefined ? plan.signers.map((signer) => signer.publicKey) : []);
    const files: Record<string, Buffer | undefined> = {
      distribution: formatDistribution(distribution),
      authorizations: formatAuthorizations(authorizations),
      ...Object.fromEntries(keys.map((key) => [`keys/${key.fingerprint}.asc`, Buffer.from(key.armored)])),
      ...plan.files,
    };
    const edits = new Map(
      Object.entries(files).map(([path, body]) => [path, body && this.put('blob', body)]),
    );
    const read = (oid: Oid): GitObject => this.objects.get(oid) as GitObject;
    const honest = (await editTree(read, parent?.tree, edits, this.objects)) as Oid;
    const ids = computeIds(this.objects, new Map());
    const tree = plan.tree?.(honest) ?? honest;
    const suitesOid = suitesIn(this.objects, tree);
    const suites256 = plan.message?.suites ?? (suitesOid === undefined ? undefined : ids.get(suitesOid));
    const parent256 = plan.message?.parent ?? parent?.sha256;
    const message = formatCommitMessage({
      name: plan.message?.name ?? distribution.name,
      sequence: plan.message?.sequence ?? distribution.sequence,
      tree: plan.message?.tree ?? (ids.get(tree) as Sha256),
      ...(suites256 === undefined ? {} : { suites: suites256 }),
      ...(parent256 === undefined ? {} : { parent: parent256 }),
      changes: ['change something'],
    });
    const [first, ...others] = plan.signers;
    const person = {
      name: 'Ada',
      email: 'ada@example.org',
      time: Math.floor(distribution.date.getTime() / 1000),
    };
    const payload = encodeCommit({
      tree,
      parents: parent === undefined ? [] : [parent.oid],
      author: person,
      committer: person,
      message,
    });
    const signed =
      plan.unsigned || first === undefined ? payload : signCommit(payload, await first.sign(payload));
    const body = plan.mangle?.(signed) ?? signed;
    const oid = this.put('commit', body);
    const commit: ChainCommit = {
      object: { type: 'commit', body },
      oid,
      tree,
      sha256: commit256(body),
      distribution,
      authorizations,
    };
    for (const signer of others) await this.cosign(commit, signer);
    this.commits.push(commit);
    return commit;
  }

  /** A co-signature; `claims` may lie. */
  async cosign(
    commit: ChainCommit,
    signer: Signer,
    claims: { as?: Fingerprint; commit?: Sha256 } = {},
  ): Promise<void> {
    const { sequence, name } = commit.distribution;
    const tree = /Tree-SHA256: ([0-9a-f]{64})/.exec(commit.object.body.toString())?.[1] as Sha256;
    const payload = encodeTag({
      object: commit.oid,
      type: 'commit',
      tag: cosignTagName(commit.oid, claims.as ?? signer.fingerprint),
      tagger: { name: 'Bob', email: 'bob@example.org', time: commit.distribution.date.getTime() / 1000 },
      message: formatCosignMessage({ name, sequence, commit: claims.commit ?? commit.sha256, tree }),
    });
    const body = signTag(payload, await signer.sign(payload));
    this.put('tag', body);
    this.tags.push({ type: 'tag', body });
  }

  /** What a client is offered. */
  update(options: { commits?: readonly ChainCommit[]; now?: Date } = {}): IndexUpdate {
    const ids = computeIds(this.objects, new Map());
    return {
      commits: (options.commits ?? this.commits).map((commit) => commit.object),
      cosignatures: this.tags,
      lookup: (oid) => this.objects.get(oid),
      ids,
      now: options.now ?? new Date(),
    };
  }
}

function suitesIn(objects: ReadonlyMap<Oid, GitObject>, tree: Oid): Oid | undefined {
  const body = objects.get(tree)?.body ?? Buffer.alloc(0);
  const at = body.indexOf('40000 suites\0', 0, 'latin1');
  return at < 0 ? undefined : (body.toString('hex', at + 13, at + 33) as Oid);
}

/** The introduction of these roots. */
export function introduce(roots: readonly Fingerprint[], threshold = 1): Introduction {
  return { indexCore: coreKey('log'), roots: [...roots].sort(), threshold, peers: [], bootstrap: [] };
}

/** A log and its static cores in memory; counts what is read. */
export class MemoryLog implements LogWriter {
  readonly blocks: Uint8Array[] = [];
  readonly cores = new Map<string, Uint8Array>();
  readonly reads: number[] = [];
  readonly fetched: string[] = [];

  get length(): number {
    return this.blocks.length;
  }

  get(number: number): Promise<Uint8Array> {
    this.reads.push(number);
    const block = this.blocks[number];
    return block === undefined ? Promise.reject(new Error(`no block ${number}`)) : Promise.resolve(block);
  }

  append(blocks: Uint8Array[]): Promise<void> {
    this.blocks.push(...blocks);
    return Promise.resolve();
  }

  readonly putCore = (bytes: Uint8Array): Promise<CoreRef> => {
    const key = encodeCoreKey(createHash('sha256').update(bytes).digest());
    this.cores.set(key, bytes);
    return Promise.resolve({ key, byteLength: bytes.length });
  };

  readonly fetchCore = (core: CoreRef): Promise<Uint8Array> => {
    this.fetched.push(core.key);
    const bytes = this.cores.get(core.key);
    return bytes === undefined ? Promise.reject(new Error(`no core ${core.key}`)) : Promise.resolve(bytes);
  };

  /** The same log, as a peer holds it that has only the first `length` blocks. */
  upTo(length: number): MemoryLog {
    const log = new MemoryLog();
    log.blocks.push(...this.blocks.slice(0, length));
    for (const [key, bytes] of this.cores) log.cores.set(key, bytes);
    return log;
  }
}
