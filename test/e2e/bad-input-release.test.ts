/**
 * Bad releases under a good index: everything that can be wrong between the entry and the files. The index is signed by its root, so
 * each of these stands for an index key that was misused, or for a publisher that looked away; the client must not.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hashObject } from '../../git/index.js';
import { debianArchitecture } from '../../model/index.js';
import { indexPlace, signerOf, stranger } from './evil.js';
import {
  craft,
  disguised,
  flipped,
  list,
  retagged,
  sectionsOf,
  tampered,
  withoutSignature,
  type Crafted,
} from './evil-release.js';
import { program, Scene } from './scene.js';

interface Case {
  /** the package, and what is wrong with it */
  readonly name: string;
  readonly what: string;
  readonly code: string | readonly string[];
  readonly make: (honest: Crafted) => Promise<Crafted> | Crafted;
}

// A lie in one object of the pack, its id and all that is around it left to fit or not.
const changed = (honest: Crafted, find: RegExp, put: string): Promise<Crafted> =>
  tampered(honest, ({ objects }) => {
    const at = objects.findIndex(({ type, body }) => type === 'blob' && find.test(body.toString('latin1')));
    const object = objects[at];
    if (object === undefined) throw new Error(`no object has ${find.source}`);
    objects[at] = {
      ...object,
      body: Buffer.from(object.body.toString('latin1').replace(find, put), 'latin1'),
    };
  });

const bitOf = async (honest: Crafted, section: 'git' | 'tree256' | 'payload'): Promise<Crafted> => {
  const { offset, length } = (await sectionsOf(honest.image))[section];
  assert.ok(length > 0);
  return { ...honest, image: flipped(honest.image, offset + (length >> 1)) };
};

describe('bad releases', { timeout: 580_000 }, () => {
  let scene: Scene;
  const other = debianArchitecture(process.arch) === 'amd64' ? 'arm64' : 'amd64';
  const here = debianArchitecture(process.arch);

  const cases: Case[] = [
    {
      name: 'unsigned',
      what: 'the tag is not signed',
      code: 'SIGNATURE_MISSING',
      make: (honest) => retagged(honest, withoutSignature),
    },
    {
      name: 'moved-name',
      what: "another package's tag and files under this name",
      code: 'RELEASE_MISMATCH',
      make: (honest) => disguised(honest, { name: 'moved-elsewhere' }),
    },
    {
      name: 'moved-version',
      what: 'an old release that is listed as a new version',
      code: 'RELEASE_MISMATCH',
      make: (honest) => disguised(honest, { version: '9.0' }),
    },
    {
      name: 'moved-architecture',
      what: 'a release for all architectures that is listed for one',
      code: 'RELEASE_MISMATCH',
      make: (honest) => disguised(honest, { architecture: here }),
    },
    {
      name: 'other-tree',
      what: 'the entry names another tree than the tag',
      code: 'RELEASE_MISMATCH',
      make: (honest) => ({
        ...honest,
        pin: {
          ...honest.pin,
          tree: honest.pin.tree.replace(/^./, (digit) =>
            digit === '0' ? '1' : '0',
          ) as typeof honest.pin.tree,
        },
      }),
    },
    {
      name: 'tag-message',
      what: 'one bit of the tag, and the entry names the changed tag',
      code: 'SIGNATURE_BAD',
      make: (honest) => retagged(honest, (tag) => flipped(tag, tag.indexOf('tagger ') + 7)),
    },
    {
      name: 'tag-object',
      what: 'the signed tag is pointed at another commit',
      code: 'SIGNATURE_BAD',
      make: (honest) =>
        retagged(honest, (tag) =>
          Buffer.from(tag.toString('latin1').replace(/^object ../, 'object 00'), 'latin1'),
        ),
    },
    {
      name: 'tag-signature',
      what: 'one bit of the signature',
      code: ['SIGNATURE_BAD', 'SIGNATURE_MALFORMED'],
      make: (honest) =>
        retagged(honest, (tag) => flipped(tag, tag.indexOf('\n\n', tag.indexOf('BEGIN PGP')) + 80)),
    },
    {
      name: 'tag-swapped',
      what: 'one bit of the tag, and the entry names the honest one',
      code: 'RELEASE_MISMATCH',
      make: (honest) =>
        retagged(honest, (tag) => flipped(tag, tag.indexOf('tagger ') + 7), { keepPin: true }),
    },
    {
      name: 'manifest-setuid',
      what: 'one bit of the manifest: a program becomes set-uid',
      code: 'RELEASE_MALFORMED',
      make: (honest) => changed(honest, /^f 0?755/m, 'f 4755'),
    },
    {
      name: 'manifest-digest',
      what: "one bit of the manifest: a file's digest",
      code: 'RELEASE_MALFORMED',
      make: (honest) => changed(honest, / [0-9a-f]{64} /, ` ${'0'.repeat(64)} `),
    },
    {
      name: 'control-depends',
      what: 'the control file asks for less than the signed one',
      code: 'RELEASE_MALFORMED',
      make: (honest) => changed(honest, /^Description: /m, 'Description:  '),
    },
    {
      name: 'claim',
      what: 'one bit of the tree id that the image claims for its payload',
      code: 'RELEASE_MISMATCH',
      make: (honest) => tampered(honest, (parts) => void (parts.claim = flipped(parts.claim, 7))),
    },
    {
      name: 'stowaway',
      what: 'an object too many in the pack',
      code: 'RELEASE_MALFORMED',
      make: (honest) =>
        tampered(honest, ({ objects }) => void objects.push({ type: 'blob', body: Buffer.from('stowaway') })),
    },
    {
      name: 'payload-contents',
      what: "one bit of a file's contents, all around it made to fit",
      code: 'PAYLOAD_CORRUPT',
      make: (honest) =>
        tampered(
          honest,
          (parts) => void (parts.payload = flipped(parts.payload, parts.payload.indexOf('#!/bin/sh') + 2)),
        ),
    },
    {
      name: 'payload-order',
      what: 'contents in another order',
      code: 'PAYLOAD_CORRUPT',
      make: (honest) =>
        tampered(
          honest,
          (parts) =>
            void (parts.payload = Buffer.concat([parts.payload.subarray(9), parts.payload.subarray(0, 9)])),
        ),
    },
    {
      name: 'payload-less',
      what: 'a byte too few in the payload',
      code: ['RELEASE_MALFORMED', 'PAYLOAD_CORRUPT'],
      make: (honest) => tampered(honest, (parts) => void (parts.payload = parts.payload.subarray(1))),
    },
    {
      name: 'payload-more',
      what: 'contents that no path has',
      code: ['RELEASE_MALFORMED', 'PAYLOAD_CORRUPT'],
      make: (honest) =>
        tampered(honest, (parts) => void (parts.payload = Buffer.concat([parts.payload, parts.payload]))),
    },
    {
      name: 'bit-git',
      what: 'one bit of the packed git objects',
      code: ['RELEASE_MALFORMED', 'PACK_MALFORMED', 'RELEASE_MISMATCH'],
      make: (honest) => bitOf(honest, 'git'),
    },
    {
      name: 'bit-claim',
      what: 'one bit of the section tree256',
      code: 'RELEASE_MALFORMED',
      make: (honest) => bitOf(honest, 'tree256'),
    },
    {
      name: 'bit-payload',
      what: 'one bit of the packed payload',
      code: ['PAYLOAD_CORRUPT', 'RELEASE_MALFORMED'],
      make: (honest) => bitOf(honest, 'payload'),
    },
    {
      name: 'bit-header',
      what: 'one bit of the header',
      code: 'RELEASE_MALFORMED',
      make: (honest) => ({ ...honest, image: flipped(honest.image, 21) }),
    },
    {
      name: 'cut-short',
      what: 'an image that ends early',
      code: 'RELEASE_MALFORMED',
      make: (honest) => ({ ...honest, image: honest.image.subarray(0, -1) }),
    },
    {
      name: 'not-an-image',
      what: 'bytes that are no image',
      code: 'RELEASE_MALFORMED',
      make: (honest) => ({ ...honest, image: Buffer.alloc(4096, 'x') }),
    },
  ];

  before(async () => {
    scene = await Scene.make([program('honest')]);
    const { world } = scene;
    const home = world.path('publisher');
    const root = await signerOf(home, scene.key);
    const mallory = await stranger(world.path('mallory-keys'));
    const maintainer = await stranger(world.path('maintainer-keys'), 'Maintainer');
    const scratch = world.path('scratch');
    const releases: Crafted[] = [];
    for (const { name, make } of cases) releases.push(await make(await craft(scratch, program(name), root)));
    // signed by one, listed as signed by another
    const as = (crafted: Crafted, signer: typeof root): Crafted => ({
      ...crafted,
      pin: { ...crafted.pin, signer: signer.fingerprint },
    });
    releases.push(as(await craft(scratch, program('by-stranger'), mallory), root));
    releases.push(as(await craft(scratch, program('by-maintainer'), maintainer), root));
    releases.push(as(await craft(scratch, program('by-root'), root), maintainer));
    releases.push(await craft(scratch, program('openly-by-stranger'), mallory));
    releases.push(await craft(scratch, program('fine'), maintainer));
    // a tag of the one package on the files of the other, each properly signed
    const [one, two] = [
      await craft(scratch, program('grafted'), root),
      await craft(scratch, program('donor'), root),
    ];
    let donated = Buffer.alloc(0);
    await tampered(two, ({ objects }) => void (donated = Buffer.from(objects[0]?.body ?? '')));
    releases.push(
      await tampered(
        { ...one, pin: { ...one.pin, tag: hashObject('tag', donated) } },
        ({ objects }) => void (objects[0] = { type: 'tag', body: donated }),
      ),
    );
    // entries for an architecture that this machine does not have must not be offered to it
    releases.push(disguised(await craft(scratch, program('foreign'), root), { architecture: other }));
    await list(await indexPlace(home, 'acme'), releases, { signers: [root], keys: [maintainer.publicKey] });
    await world.json(['update'], scene.client);
  });
  after(() => scene?.end());

  test('the index itself is good: what is honest in it installs, a maintainer who is no root included', async () => {
    await scene.install('fine');
    await scene.world.json(['remove', '--purge', 'fine', '--root', scene.root], scene.client);
  });

  for (const { name, what, code } of cases) {
    test(`${what} (${name})`, async () => {
      await scene.refused(['install', name === 'moved-name' ? 'moved-elsewhere' : name], { code, status: 5 });
    });
  }

  test("a stranger's signature under the root's name", async () => {
    await scene.refused(['install', 'by-stranger'], { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('a stranger whose key is not in the index', async () => {
    await scene.refused(['install', 'openly-by-stranger'], { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('signed by one key of the index while the entry names another', async () => {
    await scene.refused(['install', 'by-maintainer'], { code: 'SIGNER_UNKNOWN', status: 5 });
    await scene.refused(['install', 'by-root'], { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('a tag transplanted from another package', async () => {
    await scene.refused(['install', 'grafted'], { code: 'RELEASE_MISMATCH', status: 5 });
  });

  test('another architecture is not offered', async () => {
    await scene.refused(['install', 'foreign'], {
      code: ['NO_SOLUTION', 'VERSION_NOT_FOUND', 'PACKAGE_NOT_FOUND'],
      status: 3,
    });
  });

  test('one bad release among good ones keeps all of them out', async () => {
    await scene.refused(['install', 'honest', 'payload-contents'], { code: 'PAYLOAD_CORRUPT', status: 5 });
    await scene.refused(['install', 'honest', 'tag-message'], { code: 'SIGNATURE_BAD', status: 5 });
    await scene.install('honest');
  });

  test('download checks as install does', async () => {
    await scene.refused(['download', 'payload-contents'], { code: 'PAYLOAD_CORRUPT', status: 5 });
    await scene.refused(['download', 'by-stranger'], { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('nobody lists a bad release of another source by accident', async () => {
    const { world } = scene;
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'C', '--email', 'c@example.org'],
      scene.client,
    );
    await world.json(['index', 'create', 'mine', '--key', fingerprint], scene.client);
    await scene.refused(['index', 'add', 'mine', 'payload-contents@acme'], {
      code: 'PAYLOAD_CORRUPT',
      status: 5,
    });
    await scene.refused(['index', 'add', 'mine', 'by-stranger@acme'], { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('after all of that the client has what it should, and all of it is as signed', async () => {
    assert.deepEqual(await scene.installed(), ['hello 1.0', 'honest 1.0']);
    const { ok } = await scene.world.json<{ ok: boolean }>(['verify', '--root', scene.root], scene.client);
    assert.equal(ok, true);
  });
});
