/**
 * One thing wrong between a listed entry and the files, for each thing there is: a tag, an object, a section, a byte. The index is signed by its root, so each of
 * these stands for an index key that was misused, or for a publisher that looked away; the client must not.
 */
import assert from 'node:assert/strict';
import {
  flipped,
  retagged,
  sectionsOf,
  tampered,
  withoutSignature,
  type Crafted,
  type Parts,
} from '../e2e/evil-release.js';
import { attack, type Codes } from './scene.js';

interface Case {
  readonly what: string;
  readonly code: Codes;
  readonly make: (honest: Crafted) => Promise<Crafted> | Crafted;
}

// A lie in one object of the pack, its id and all that is around it left to fit or not.
const changed =
  (find: RegExp, put: string): Case['make'] =>
  (honest) =>
    tampered(honest, ({ objects }) => {
      const at = objects.findIndex(({ type, body }) => type === 'blob' && find.test(body.toString('latin1')));
      const text = objects[at]?.body.toString('latin1') ?? assert.fail(`no object has ${find.source}`);
      objects[at] = { type: 'blob', body: Buffer.from(text.replace(find, put), 'latin1') };
    });

const bitOf =
  (section: 'git' | 'tree256' | 'payload'): Case['make'] =>
  async (honest) => {
    const { offset, length } = (await sectionsOf(honest.image))[section];
    assert.ok(length > 0);
    return { ...honest, image: flipped(honest.image, offset + (length >> 1)) };
  };

const parts =
  (change: (parts: Parts) => void): Case['make'] =>
  (honest) =>
    tampered(honest, change);

const CASES: readonly Case[] = [
  {
    what: 'the tag is not signed',
    code: 'SIGNATURE_MISSING',
    make: (honest) => retagged(honest, withoutSignature),
  },
  {
    what: 'the entry names another tree than the tag',
    code: 'RELEASE_MISMATCH',
    make: (honest) => {
      const tree = honest.pin.tree.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
      return { ...honest, pin: { ...honest.pin, tree: tree as typeof honest.pin.tree } };
    },
  },
  {
    what: 'one bit of the tag, and the entry names the changed tag',
    code: 'SIGNATURE_BAD',
    make: (honest) => retagged(honest, (tag) => flipped(tag, tag.indexOf('tagger ') + 7)),
  },
  {
    what: 'one bit of the signature',
    code: ['SIGNATURE_BAD', 'SIGNATURE_MALFORMED'],
    make: (honest) =>
      retagged(honest, (tag) => flipped(tag, tag.indexOf('\n\n', tag.indexOf('BEGIN PGP')) + 80)),
  },
  {
    what: "one bit of the manifest: a file's digest",
    code: 'RELEASE_MALFORMED',
    make: changed(/ [0-9a-f]{64} /, ` ${'0'.repeat(64)} `),
  },
  {
    what: 'the control file asks for less than the signed one',
    code: 'RELEASE_MALFORMED',
    make: changed(/^Description: /m, 'Description:  '),
  },
  {
    what: 'one bit of the tree id that the image claims for its payload',
    code: 'RELEASE_MISMATCH',
    make: parts((all) => void (all.claim = flipped(all.claim, 7))),
  },
  {
    what: 'an object too many in the pack',
    code: 'RELEASE_MALFORMED',
    make: parts(({ objects }) => void objects.push({ type: 'blob', body: Buffer.from('stowaway') })),
  },
  {
    what: "one bit of a file's contents, all around it made to fit",
    code: 'PAYLOAD_CORRUPT',
    make: parts((all) => void (all.payload = flipped(all.payload, all.payload.indexOf('#!/bin/sh') + 2))),
  },
  {
    what: 'contents in another order',
    code: 'PAYLOAD_CORRUPT',
    make: parts(
      (all) => void (all.payload = Buffer.concat([all.payload.subarray(9), all.payload.subarray(0, 9)])),
    ),
  },
  {
    what: 'a byte too few in the payload',
    code: ['RELEASE_MALFORMED', 'PAYLOAD_CORRUPT'],
    make: parts((all) => void (all.payload = all.payload.subarray(1))),
  },
  {
    what: 'contents that no path has',
    code: ['RELEASE_MALFORMED', 'PAYLOAD_CORRUPT'],
    make: parts((all) => void (all.payload = Buffer.concat([all.payload, all.payload]))),
  },
  {
    what: 'one bit of the packed git objects',
    code: ['RELEASE_MALFORMED', 'PACK_MALFORMED', 'RELEASE_MISMATCH'],
    make: bitOf('git'),
  },
  { what: 'one bit of the section tree256', code: 'RELEASE_MALFORMED', make: bitOf('tree256') },
  {
    what: 'one bit of the packed payload',
    code: ['PAYLOAD_CORRUPT', 'RELEASE_MALFORMED'],
    make: bitOf('payload'),
  },
  {
    what: 'one bit of the header',
    code: 'RELEASE_MALFORMED',
    make: (honest) => ({ ...honest, image: flipped(honest.image, 21) }),
  },
  {
    what: 'an image that ends early',
    code: 'RELEASE_MALFORMED',
    make: (honest) => ({ ...honest, image: honest.image.subarray(0, -1) }),
  },
  {
    what: 'bytes that are no image',
    code: 'RELEASE_MALFORMED',
    make: (honest) => ({ ...honest, image: Buffer.alloc(4096, 'x') }),
  },
];

for (const { what, code, make } of CASES)
  attack(`tampered release: ${what}`, async (scene) => {
    await scene.refusesRelease(await make(scene.victim), code);
  });

attack('tampered release: signed by one key of the index while the entry names another', async (scene) => {
  const { ada, bob, victim } = scene;
  const index = await scene.index({ roots: [ada, bob] });
  await index.lists(scene.by(victim, bob));
  await scene.refuses(() => scene.install(`victim@${index.source}`), 'SIGNER_UNKNOWN');
});
