/**
 * Random values of the shared words, for properties. Every one is valid; hostile input is made by changing these.
 */
import fc from 'fast-check';
import {
  encodeCoreKey,
  type Address,
  type BytePath,
  type CoreKey,
  type EntryType,
  type Fingerprint,
  type Introduction,
  type ManifestEntry,
  type Owner,
  type PeerAddress,
  type Sha256,
  type Xattr,
} from '../../model/index.js';

// deepEqual tells objects without a prototype from plain ones
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

const hex = (digits: number, alphabet = '0123456789abcdef'): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: digits, maxLength: digits });

export const coreKey: fc.Arbitrary<CoreKey> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(encodeCoreKey);
export const fingerprint = hex(40, '0123456789ABCDEF') as fc.Arbitrary<Fingerprint>;
export const sha256 = hex(64) as fc.Arbitrary<Sha256>;

export const address: fc.Arbitrary<Address> = record({
  host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant('localhost')),
  port: fc.integer({ min: 1, max: 65535 }),
});

export const peerAddress: fc.Arbitrary<PeerAddress> = record({ key: coreKey, at: address }).map(
  ({ key, at }) => ({ key, ...at }),
);

export const introduction: fc.Arbitrary<Introduction> = record({
  indexCore: coreKey,
  roots: fc.uniqueArray(fingerprint, { minLength: 1, maxLength: 6 }),
  peers: fc.array(peerAddress, { maxLength: 3 }),
  bootstrap: fc.array(address, { maxLength: 3 }),
}).chain((rest) =>
  fc
    .integer({ min: 1, max: rest.roots.length })
    .map((threshold) => ({ ...rest, roots: [...rest.roots].sort(), threshold })),
);

/** One byte a character. */
const bytes = (options: fc.StringConstraints, allowed: (code: number) => boolean): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom(...[0x20, 0x25, 0x2d, 0x5c, 0x0a, 0x7f, 0xa0, 0xc3, 0xe2, 0x80, 0xae]),
      ),
      options,
    )
    .map((codes) =>
      codes
        .filter(allowed)
        .map((code) => String.fromCharCode(code))
        .join(''),
    );

const name = bytes({ minLength: 1, maxLength: 12 }, (code) => code !== 0x2f).filter(
  (text) => text !== '' && text !== '.' && text !== '..',
);

const owner: fc.Arbitrary<Owner> = fc.oneof(
  fc.constant({ name: 'root', id: 0 }),
  record({
    name: fc.oneof(fc.constant(''), fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/)),
    id: fc.integer({ min: 0, max: 0xffff_fffe }),
  }),
);

type Seed = Pick<ManifestEntry, 'mode' | 'owner' | 'group' | 'size' | 'mtime'> & {
  readonly pick: string;
  readonly name: string;
  readonly sha256: Sha256;
  readonly link: string;
  readonly device: readonly [number, number];
  readonly at: number;
  readonly xattrs: readonly Xattr[];
};

const value = (length: { minLength?: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.uint8Array(length).map((value) => Buffer.from(value).toString('hex'));
const capability = record({
  effective: fc.constantFrom('00', '01'),
  sets: value({ minLength: 16, maxLength: 16 }),
  user: fc.constantFrom('', '05000000', 'ffffffff'),
}).map(({ effective, sets, user }) => ({
  name: 'security.capability',
  value: `${effective}00000${user === '' ? '2' : '3'}${sets}${user}`,
}));
/** Of one file: mostly none, else sorted, no name twice. */
const xattrs: fc.Arbitrary<Xattr[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Xattr[]>([]) },
  fc
    .array(
      fc.oneof(
        capability,
        record({
          name: bytes({ minLength: 1, maxLength: 8 }, () => true)
            .filter((text) => text !== '')
            .map((text) => `user.${text}`),
          value: value({ maxLength: 20 }),
        }),
      ),
      { maxLength: 4 },
    )
    .map((all) => [...new Map(all.map((one) => [one.name, one])).values()])
    .map((all) => all.sort((a, b) => (a.name < b.name ? -1 : 1))),
);

const seed: fc.Arbitrary<Seed> = record({
  pick: fc.constantFrom('f', 'f', 'd', 'd', 'l', 'h', 'c', 'b', 'p'),
  name,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  owner,
  group: owner,
  size: fc.oneof(fc.nat(100_000), fc.constant(0), fc.constant(2 ** 40)),
  mtime: fc.integer({ min: -(10 ** 11), max: 10 ** 11 }),
  sha256,
  link: bytes({ minLength: 1, maxLength: 20 }, () => true).filter((text) => text !== ''),
  device: fc.tuple(fc.nat(4095), fc.nat(1_000_000)),
  at: fc.nat(1000),
  xattrs,
});

/** A valid manifest, sorted: entries hang below random directories, hard links name an earlier file. */
export const manifest: fc.Arbitrary<ManifestEntry[]> = fc.array(seed, { maxLength: 25 }).map((seeds) => {
  const all = new Map<string, Seed & { readonly path: string }>();
  const directories = [''];
  for (const one of seeds) {
    const parent = directories[one.at % directories.length] ?? '';
    const path = parent === '' ? one.name : `${parent}/${one.name}`;
    if (all.has(path)) continue;
    if (one.pick === 'd') directories.push(path);
    all.set(path, { ...one, path });
  }
  const files: string[] = [];
  const xattrsOf = (path: string | undefined): { xattrs?: readonly Xattr[] } => {
    const found = all.get(path ?? '')?.xattrs ?? [];
    return found.length === 0 ? {} : { xattrs: found };
  };
  return [...all.values()]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map((one) => {
      const target = files[one.at % Math.max(files.length, 1)];
      const type = (one.pick === 'h' && target === undefined ? 'p' : one.pick) as EntryType;
      if (type === 'f') files.push(one.path);
      const link = { l: one.link, h: target, c: one.device.join(':'), b: one.device.join(':') }[type as 'l'];
      return {
        type,
        mode: one.mode,
        owner: one.owner,
        group: one.group,
        size: type === 'f' ? one.size : 0,
        mtime: one.mtime,
        ...(type === 'f' ? { sha256: one.sha256 } : {}),
        ...(link === undefined ? {} : { link }),
        path: one.path as BytePath,
        ...xattrsOf(type === 'f' ? one.path : type === 'h' ? target : undefined),
      };
    });
});
