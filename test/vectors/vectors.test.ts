/**
 * The frozen vectors of format 1 (fixtures/vectors): their bytes never change, our readers say exactly what is expected, and plain git and gpg
 * agree about the good ones. A vector that fails here means that data which is out there would be read otherwise than before.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { GtpkgError } from '../../model/index.js';
import { decompress } from '../../package-repo/index.js';
import { sectionsOf } from '../e2e/evil-release.js';
import { concat, git, inTemp, lacks } from '../git/support.js';
import { objectsOf, FOLDER, read, type Vector } from './vector.js';
import { Gpg, noGpg } from '../trust/support.js';

/** The git pack in a release image, as plain git has it. */
async function packOf(image: Buffer): Promise<Buffer> {
  const { git: section } = await sectionsOf(image);
  const packed = image.subarray(section.offset, section.offset + section.length);
  return concat(decompress([packed], { maxOutput: section.rawLength }));
}

/** SHA-256 of SHA256SUMS: changes only when vectors are added. */
const FROZEN = '7579f1bb58c415ddf801afed69f9b177b6aa475af9f8935a847fa2ac6b9966fa';

const vectors = JSON.parse(readFileSync(`${FOLDER}vectors.json`, 'utf8')) as Vector[];

test('no byte of the vectors has changed, none is missing, none is unlisted', () => {
  const sums = readFileSync(`${FOLDER}SHA256SUMS`);
  assert.equal(createHash('sha256').update(sums).digest('hex'), FROZEN, 'SHA256SUMS');
  const listed = new Map(
    sums
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  const here = readdirSync(FOLDER, { recursive: true })
    .map(String)
    .filter((name) => statSync(FOLDER + name).isFile() && name !== 'SHA256SUMS' && name !== 'README.md');
  assert.deepEqual(here.sort(), [...listed.keys()].sort());
  for (const [name, digest] of listed)
    assert.equal(
      createHash('sha256')
        .update(readFileSync(FOLDER + name))
        .digest('hex'),
      digest,
      name,
    );
  const named = new Set(vectors.map(({ file }) => file));
  for (const name of here)
    assert.ok(named.has(name) || name === 'vectors.json' || name.startsWith('keys/'), name);
});

describe('every vector is read as expected', () => {
  for (const vector of vectors) {
    test(`${vector.file}: ${vector.what}: ${vector.expect}`, async () => {
      let said = 'ok';
      try {
        await read(vector, readFileSync(FOLDER + vector.file));
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        said = error.code;
      }
      assert.equal(said, vector.expect);
    });
  }
});

test('git and gpg agree about the good ones', { skip: noGpg || lacks('git') }, async () => {
  const gpg = new Gpg();
  try {
    for (const name of readdirSync(`${FOLDER}keys`).filter((each) => !each.includes('secret')))
      await gpg.run(['--import'], readFileSync(`${FOLDER}keys/${name}`));
    for (const vector of vectors) {
      if (vector.expect !== 'ok' || (vector.kind !== 'index' && vector.kind !== 'release')) continue;
      await inTemp(async (dir) => {
        git(dir, 'init', '-q', '--bare', '.');
        writeFileSync(`${dir}/gpg`, `#!/bin/sh\nexec gpg --homedir '${gpg.home}' "$@"\n`, { mode: 0o755 });
        const bytes = readFileSync(FOLDER + vector.file);
        const pack = vector.kind === 'index' ? bytes : await packOf(bytes);
        writeFileSync(`${dir}/objects/pack/x.pack`, pack);
        git(dir, 'index-pack', 'objects/pack/x.pack');
        if (vector.kind === 'index') {
          git(dir, 'update-ref', 'refs/heads/main', vector.head);
          git(dir, 'fsck', '--full', '--strict');
        }
        for (const [oid, { type }] of await objectsOf(pack)) {
          const verify =
            type === 'tag' ? 'verify-tag' : type === 'commit' && vector.kind === 'index' && 'verify-commit';
          if (verify !== false) git(dir, '-c', `gpg.program=${dir}/gpg`, verify, oid);
        }
      });
    }
  } finally {
    await gpg.close();
  }
});
