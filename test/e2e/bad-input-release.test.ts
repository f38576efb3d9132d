/**
 * Bad releases under a good index, with real processes: what a user sees of it, and that nothing moves. Everything that can be wrong between the entry and the
 * files is in test/attacks.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { debianArchitecture } from '../../model/index.js';
import { indexPlace, signerOf, stranger } from './evil.js';
import { craft, disguised, flipped, list, retagged, tampered, type Crafted } from './evil-release.js';
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

describe('bad releases', { timeout: 580_000 }, () => {
  let scene: Scene;
  const other = debianArchitecture(process.arch) === 'amd64' ? 'arm64' : 'amd64';

  const cases: Case[] = [
    {
      name: 'moved-name',
      what: "another package's tag and files under this name",
      code: 'RELEASE_MISMATCH',
      make: (honest) => disguised(honest, { name: 'moved-elsewhere' }),
    },
    {
      name: 'tag-message',
      what: 'one bit of the tag, and the entry names the changed tag',
      code: 'SIGNATURE_BAD',
      make: (honest) => retagged(honest, (tag) => flipped(tag, tag.indexOf('tagger ') + 7)),
    },
    {
      name: 'manifest-setuid',
      what: 'one bit of the manifest: a program becomes set-uid',
      code: 'RELEASE_MALFORMED',
      make: (honest) => changed(honest, /^f 0?755/m, 'f 4755'),
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
    releases.push(await craft(scratch, program('openly-by-stranger'), mallory));
    releases.push(await craft(scratch, program('fine'), maintainer));
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
