/**
 * Makes fixtures/vectors: `node dist/test/vectors/generate.js`. Keys, dates and signatures are fixed, so the same program gives the same bytes. What is there is
 * frozen for format 1: this program shows how it was made, and makes more; a vector that comes out with other bytes than it has is a change of format.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import * as openpgp from 'openpgp';
import {
  formatManifest,
  formatIntroduction,
  type Introduction,
  type Oid,
  type Sha256,
} from '../../model/index.js';
import { formatShard, shardPath } from '../../index-repo/index.js';
import { packObjects } from '../../index-repo/packs.js';
import { generateKey, PublicKey } from '../../trust/index.js';
import { flipped } from '../e2e/evil-release.js';
import { forgedSigner, type ForgedSigner } from '../attacks/forged-signer.js';
import { withDelta } from '../attacks/raw-pack.js';
import { Chain, introduce, makeEntry, type CommitPlan } from '../index-repo/support.js';
import { entryOf, forge, type Lies } from '../package-repo/forge.js';
import type { ForgedKey } from '../trust/forge.js';
import { FOLDER, type IndexVector, type ReleaseVector, type Vector } from './vector.js';

const DAY = 86_400_000;
const MADE = new Date('2026-01-01T00:00:00Z');
const day = (n: number): Date => new Date(MADE.getTime() + n * DAY);
/** the clock of every reader, but where the vector is about the clock */
const NOW = day(20).toISOString();

const POLICY = 'KeyNote-Version: 2\nAuthorizer: "POLICY"\nConditions: app_domain == "gtpkg" -> "install";\n';

async function key(name: string, expiresIn?: number): Promise<ForgedSigner & { key: ForgedKey }> {
  const path = `${FOLDER}keys/${name}.secret.asc`;
  if (!existsSync(path)) {
    const options = { name, email: `${name}@example.org`, date: MADE };
    const made = await generateKey(expiresIn === undefined ? options : { ...options, expiresIn });
    await writeFile(path, made.privateKey);
    await writeFile(`${FOLDER}keys/${name}.asc`, made.publicKey);
  }
  const publicKey = await readFile(`${FOLDER}keys/${name}.asc`, 'utf8');
  const secret = await openpgp.readPrivateKey({ armoredKey: await readFile(path, 'utf8') });
  const { fingerprint } = await PublicKey.parse(publicKey);
  const forged = { fingerprint, publicKey, secret };
  const signer = await forgedSigner(forged);
  return { ...signer, sign: (bytes) => signer.at(day(2)).sign(bytes), key: forged };
}

const vectors: Vector[] = [];
const files = new Map<string, Buffer>();
const put = (vector: Vector, bytes: Buffer): void => {
  vectors.push(vector);
  files.set(vector.file, bytes);
};

async function indexes(): Promise<void> {
  const [ada, bob, mallory, old] = [
    await key('ada'),
    await key('bob'),
    await key('mallory'),
    await key('old', 10 * 86_400),
  ];
  const dates = (n: number): Pick<NonNullable<CommitPlan['distribution']>, 'date' | 'validUntil'> => ({
    date: day(n),
    validUntil: day(n + 30),
  });
  const shard = (version: string) => ({
    [`suites/stable/amd64/${shardPath('hello')}`]: formatShard([
      makeEntry('hello', version, ada.fingerprint),
    ]),
  });
  const begin = async (plan: Partial<CommitPlan> = {}): Promise<Chain> => {
    const chain = new Chain();
    await chain.commit({ signers: [ada], ...plan, distribution: { ...dates(1), ...plan.distribution } });
    return chain;
  };
  const add = async (
    name: string,
    what: string,
    expect: string,
    chain: Chain,
    more: Partial<Pick<IndexVector, 'now' | 'introduction' | 'head'>> & { pack?: Buffer } = {},
  ): Promise<void> => {
    const { pack, ...rest } = more;
    const introduction = formatIntroduction(introduce([ada.fingerprint]));
    const vector: IndexVector = {
      kind: 'index',
      file: `index/${name}.pack`,
      what,
      expect,
      introduction,
      head: chain.tip.oid,
      now: NOW,
      ...rest,
    };
    put(vector, pack ?? (await packObjects(chain.objects)));
  };
  /** one honest commit, then this one */
  const second = async (
    name: string,
    what: string,
    expect: string,
    plan: Partial<CommitPlan>,
  ): Promise<void> => {
    const chain = await begin();
    await chain.commit({ signers: [ada], ...plan, distribution: { ...dates(2), ...plan.distribution } });
    await add(name, what, expect, chain);
  };
  const roots = (...people: readonly ForgedSigner[]) => people.map(({ fingerprint }) => fingerprint).sort();
  const line = (introduction: Introduction): string => formatIntroduction(introduction);

  await add('first', 'one commit, no packages', 'ok', await begin());
  await second('package', 'a second commit with one package', 'ok', { files: shard('1') });
  const two = { threshold: 2, since: 1, roots: roots(ada, bob) };
  const keys = [ada.publicKey, bob.publicKey];
  await add(
    'two-of-two',
    'a threshold of 2: the commit and a co-signature',
    'ok',
    await begin({ signers: [ada, bob], keys, authorizations: two }),
    {
      introduction: line(introduce(two.roots, 2)),
    },
  );
  const rotation = { keys: [bob.publicKey], authorizations: { threshold: 1, since: 2, roots: roots(bob) } };
  await second('rotation', 'the root changes from Ada to Bob, signed by both', 'ok', {
    signers: [ada, bob],
    ...rotation,
  });
  await second('rotation-without-old', 'the root changes, signed by the new one alone', 'SIGNER_UNKNOWN', {
    signers: [bob],
    ...rotation,
  });
  await second('rotation-without-new', 'the root changes, signed by the old one alone', 'SIGNER_UNKNOWN', {
    signers: [ada],
    ...rotation,
  });
  await second('unsigned', 'the second commit is not signed', 'SIGNATURE_MISSING', { unsigned: true });
  await second('stranger', 'the second commit is signed by a stranger', 'SIGNER_UNKNOWN', {
    signers: [mallory],
  });
  await second('itself', 'signed by a key that is authorised in that very commit', 'SIGNER_UNKNOWN', {
    signers: [mallory],
    keys: [mallory.publicKey],
    authorizations: { since: 2, roots: roots(mallory) },
  });
  const lonely = await begin({ signers: [ada], keys, authorizations: two });
  await add('threshold', 'one of two signatures', 'THRESHOLD_NOT_MET', lonely, {
    introduction: line(introduce(two.roots, 2)),
  });
  await lonely.cosign(lonely.tip, ada.at(day(3)));
  await add('same-key-twice', 'two signatures by one key', 'THRESHOLD_NOT_MET', lonely, {
    introduction: line(introduce(two.roots, 2)),
  });
  await second('tree', 'Tree-SHA256 is not the tree’s', 'INDEX_CORRUPT', {
    message: { tree: 'a'.repeat(64) as Sha256 },
  });
  await second('parent', 'Parent-SHA256 is not the parent’s', 'INDEX_CORRUPT', {
    message: { parent: 'a'.repeat(64) as Sha256 },
  });
  await second('sequence', 'number 4 follows number 1', 'INDEX_MALFORMED', { distribution: { sequence: 4 } });
  await second('name', 'the name changes', 'INDEX_MALFORMED', { distribution: { name: 'other' } });
  await second('message', 'the message names another number than the tree', 'INDEX_MALFORMED', {
    message: { sequence: 3 },
  });
  await second('top', 'a file at the top that does not belong there', 'INDEX_MALFORMED', {
    files: { extra: Buffer.from('x') },
  });
  await second('policy', 'a policy file', 'ok', { files: { 'policy/people.kn': Buffer.from(POLICY) } });
  await second('policy-name', 'a file in policy/ that is none', 'INDEX_MALFORMED', {
    files: { 'policy/people.txt': Buffer.from(POLICY) },
  });
  await second('suites', 'Suites is empty', 'INDEX_MALFORMED', {
    files: { distribution: Buffer.from('Format: gtpkg-index 1\nName: test\nSequence: 2\nSuites:\n') },
  });
  await second('key-file', 'a key file that holds another key', 'INDEX_MALFORMED', {
    files: { [`keys/${mallory.fingerprint}.asc`]: Buffer.from(bob.publicKey.armored) },
  });
  await second('armour', 'a comment in the signature’s armour', 'SIGNATURE_MALFORMED', {
    mangle: (body) =>
      Buffer.from(
        body.toString('latin1').replace('SIGNATURE-----\n \n', 'SIGNATURE-----\n Comment: x\n \n'),
        'latin1',
      ),
  });
  await second('text-signature', 'a signature of type text', 'SIGNATURE_MALFORMED', {
    signers: [ada.saying({ date: day(2), set: { signatureType: 1 } })],
  });
  await second('future-signature', 'a signature dated after the reader’s clock', 'SIGNATURE_FUTURE', {
    signers: [ada.at(day(21))],
  });
  await second('bad-signature', 'a signature over something else', 'SIGNATURE_BAD', {
    signers: [{ ...ada, sign: () => ada.at(day(2)).sign(Buffer.from('something else')) }],
  });
  await add(
    'expired-key',
    'signed by a key that has expired since',
    'SIGNER_EXPIRED',
    await begin({ signers: [old.at(day(2))] }),
    {
      introduction: line(introduce([old.fingerprint])),
    },
  );
  const honest = await begin();
  await add('expired', 'read after Valid-Until', 'INDEX_EXPIRED', honest, { now: day(40).toISOString() });
  await add(
    'future',
    'read before Date',
    'INDEX_FUTURE',
    await begin({ signers: [ada.at(day(0))], distribution: dates(25) }),
  );
  await add(
    'introduction',
    'under an introduction that names another root',
    'INTRODUCTION_MISMATCH',
    honest,
    { introduction: line(introduce([bob.fingerprint])) },
  );
  const lacking = new Map(honest.objects);
  for (const [oid, { body }] of lacking) if (body.includes('Valid-Until')) lacking.delete(oid);
  await add('missing', 'a pack without `distribution`', 'INDEX_CORRUPT', honest, {
    pack: await packObjects(lacking),
  });
  await add('delta', 'a pack with deltas', 'PACK_MALFORMED', honest, {
    pack: withDelta(await packObjects(honest.objects)),
  });
  const pack = await packObjects(honest.objects);
  await add('flipped', 'a pack with one bit flipped', 'PACK_MALFORMED', honest, { pack: flipped(pack, 40) });
}

async function releases(): Promise<void> {
  const [ada, mallory] = [await key('ada'), await key('mallory')];
  const add = async (
    name: string,
    what: string,
    expect: string,
    lies: Lies = {},
    more: {
      pin?: Partial<ReleaseVector['pin']>;
      change?: (image: Buffer) => Buffer;
      signer?: ForgedSigner;
      now?: string;
    } = {},
  ): Promise<void> => {
    const { image, pin } = await forge(more.signer ?? ada, lies);
    const { core: _, ...rest } = pin;
    const vector: ReleaseVector = {
      kind: 'release',
      file: `release/${name}.image`,
      what,
      expect,
      pin: { ...rest, signer: ada.fingerprint, ...more.pin },
      key: 'keys/ada.asc',
      now: more.now ?? NOW,
    };
    put(vector, more.change?.(image) ?? image);
  };
  await add('good', 'two files', 'ok');
  await add('empty', 'no files', 'ok', { contents: {} });
  await add('unsigned', 'the tag is not signed', 'SIGNATURE_MISSING', { unsigned: true });
  await add('stranger', 'signed by a stranger', 'SIGNER_UNKNOWN', {}, { signer: mallory });
  await add('name', 'listed under another name', 'RELEASE_MISMATCH', {}, { pin: { name: 'other' } });
  await add('version', 'listed as another version', 'RELEASE_MISMATCH', {}, { pin: { version: '9' } });
  await add(
    'tag',
    'another tag than the one that is listed',
    'RELEASE_MISMATCH',
    {},
    { pin: { tag: 'a'.repeat(40) as Oid } },
  );
  await add(
    'tree',
    'another tree than the one that is listed',
    'RELEASE_MISMATCH',
    {},
    { pin: { tree: 'a'.repeat(64) as Sha256 } },
  );
  await add('tag-name', 'the tag object has the name of another version', 'RELEASE_MISMATCH', {
    tag: (tag) => ({ ...tag, tag: '9/amd64' }),
  });
  await add('message', 'one more field in the tag’s message', 'RELEASE_MALFORMED', {
    tag: (tag) => ({ ...tag, message: `${tag.message}Extra: x\n` }),
  });
  await add('stowaway', 'an object too many in the pack', 'RELEASE_MALFORMED', {
    objects: (all) => [...all, { type: 'blob', body: Buffer.from('x') }],
  });
  await add('delta', 'deltas in the pack', 'PACK_MALFORMED', { pack: withDelta });
  await add('escape', 'a manifest with ../', 'MANIFEST_MALFORMED', {
    files: (parts) => ({
      ...parts,
      manifest: Buffer.from(parts.manifest.toString('latin1').replace(/ a\n/, ' ../a\n'), 'latin1'),
    }),
  });
  await add('executable', 'the manifest makes a file executable, the tree does not', 'PAYLOAD_CORRUPT', {
    manifest: (all) => all.map((each) => ({ ...each, mode: 0o755 })),
  });
  await add('contents', 'the contents of a file differ', 'PAYLOAD_CORRUPT', {
    payload: () => Buffer.from('HELLOworld'),
  });
  await add('longer', 'a byte more than the manifest says', 'RELEASE_MALFORMED', {
    payload: (whole) => Buffer.concat([whole, Buffer.from('!')]),
  });
  await add('claim', 'the claimed tree of data/ is another', 'RELEASE_MISMATCH', {
    claim: (id) => flipped(id, 0),
  });
  await add(
    'cut',
    'the image ends early',
    'RELEASE_MALFORMED',
    {},
    { change: (image) => image.subarray(0, -1) },
  );
  await add(
    'header',
    'one bit of the header',
    'RELEASE_MALFORMED',
    {},
    { change: (image) => flipped(image, 21) },
  );
  await add('magic', 'no image at all', 'RELEASE_MALFORMED', {}, { change: () => Buffer.alloc(300, 'x') });
}

function texts(): void {
  const add = (
    kind: 'shard' | 'manifest',
    name: string,
    what: string,
    expect: string,
    bytes: string | Buffer,
  ): void => put({ kind, file: `${kind}/${name}`, what, expect }, Buffer.from(bytes as string));
  const signer = 'A'.repeat(40) as never;
  const shard = formatShard([makeEntry('hello', '1', signer), makeEntry('hello', '2', signer)]).toString();
  add('shard', 'good', 'two versions of a package', 'ok', shard);
  add(
    'shard',
    'order',
    'the newer version first',
    'ENTRY_MALFORMED',
    `${shard.trimEnd().split('\n\n').reverse().join('\n\n')}\n`,
  );
  add(
    'shard',
    'twice',
    'one entry twice',
    'ENTRY_MALFORMED',
    `${shard}\n${shard.slice(shard.indexOf('\n\n') + 2)}`,
  );
  add('shard', 'core', 'no Core', 'ENTRY_MALFORMED', shard.replace(/^Core: .*\n/m, ''));
  add(
    'shard',
    'size',
    'Core-Size with a leading zero',
    'ENTRY_MALFORMED',
    shard.replace('Core-Size: ', 'Core-Size: 0'),
  );
  add(
    'shard',
    'relation',
    'a relation that is none',
    'ENTRY_MALFORMED',
    shard.replace('\nCore: ', '\nDepends: a (~~ 1)\nCore: '),
  );
  add('shard', 'empty', 'nothing', 'ENTRY_MALFORMED', '');
  add('shard', 'utf8', 'not UTF-8', 'ENTRY_MALFORMED', Buffer.from(shard.replace('Ada', 'Ad\xe4'), 'latin1'));
  const manifest = formatManifest([entryOf('a', 'hello'), entryOf('b', 'world')]).toString('latin1');
  add('manifest', 'good', 'two files', 'ok', manifest);
  add(
    'manifest',
    'head',
    'another version of the format',
    'MANIFEST_MALFORMED',
    manifest.replace('manifest 1', 'manifest 2'),
  );
  add(
    'manifest',
    'order',
    'out of order',
    'MANIFEST_MALFORMED',
    manifest.replace(/(.* a\n)(.* b\n)/, '$2$1'),
  );
  add('manifest', 'absolute', 'an absolute path', 'MANIFEST_MALFORMED', manifest.replace(' a\n', ' /a\n'));
  add(
    'manifest',
    'escape',
    'an escape that is not needed',
    'MANIFEST_MALFORMED',
    manifest.replace(' a\n', ' %61\n'),
  );
  add('manifest', 'end', 'no newline at the end', 'MANIFEST_MALFORMED', manifest.slice(0, -1));
  const ping = { name: 'security.capability', value: `01000002${'0020'.padEnd(32, '0')}` };
  const note = { name: 'user.a b', value: '' };
  const attributed = [{ ...entryOf('a', 'hello'), xattrs: [ping, note] }, entryOf('b', 'world')];
  const second = formatManifest(attributed).toString('latin1');
  add('manifest', 'xattrs', 'a file with capabilities and an attribute of its own', 'ok', second);
  add(
    'manifest',
    'xattrs-order',
    'extended attributes out of order',
    'MANIFEST_MALFORMED',
    second.replace(/(x security.*\n)(x user.*\n)/, '$2$1'),
  );
  add(
    'manifest',
    'xattrs-label',
    'an extended attribute that is not a package’s to set',
    'MANIFEST_MALFORMED',
    second.replace('x user.', 'x trusted.'),
  );
  add(
    'manifest',
    'xattrs-revision',
    'file capabilities of revision 1',
    'MANIFEST_MALFORMED',
    second.replace('01000002', '01000001'),
  );
}

for (const name of ['keys', 'index', 'release', 'shard', 'manifest'])
  await mkdir(FOLDER + name, { recursive: true });
await indexes();
await releases();
texts();
for (const [file, bytes] of files) await writeFile(FOLDER + file, bytes);
const list = `[\n${vectors.map((vector) => `  ${JSON.stringify(vector)}`).join(',\n')}\n]\n`;
await writeFile(`${FOLDER}vectors.json`, list);
files.set('vectors.json', Buffer.from(list));
for (const name of ['ada', 'bob', 'mallory', 'old'])
  for (const file of [`keys/${name}.asc`, `keys/${name}.secret.asc`])
    files.set(file, await readFile(FOLDER + file));
const sums = [...files]
  .map(([file, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`)
  .sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
await writeFile(`${FOLDER}SHA256SUMS`, sums.join(''));
console.log(
  `${vectors.length} vectors, ${[...files.values()].reduce((sum, { length }) => sum + length, 0)} bytes`,
);
