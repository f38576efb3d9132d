/**
 * Bad packages handed to a publisher: directories that are none, .deb files that are damaged or hostile. Each is refused with its code,
 * and neither the index nor the package repositories, nor anything outside, gets anything of it.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { writeProgram } from '../../cli/demo/packages.js';
import { ar, control, deb, debMembers, tar, type DebParts, type Member } from './evil-deb.js';
import { World } from './harness.js';
import { homeState, program, refuses, unmoved } from './scene.js';

const home = 'publisher';
const dir = (name: string): Member => ({ name, type: '5' });
const TOP = [dir('./'), dir('./usr/'), dir('./usr/bin/')];

describe('bad packages', { timeout: 580_000 }, () => {
  let world: World;
  /** where the processes put what is temporary */
  let scratch: string;

  before(async () => {
    world = await World.make();
    // nothing here needs a network; a closed port makes sure that none is used
    world.bootstrap = '127.0.0.1:9';
    scratch = world.path('tmp');
    await mkdir(scratch);
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'Pub', '--email', 'pub@example.org'],
      { home },
    );
    await world.json(['index', 'create', 'acme', '--key', fingerprint], { home });
    await writeFile(world.path('good.deb'), deb('good'));
    await world.json(['publish', world.path('good.deb'), '--index', 'acme', '--compression', '1'], { home });
  });
  after(() => world?.end());

  const PUBLISH = 'publish --index acme --compression 1';
  const BUILD = 'package build';

  /** The command refuses it, and the publisher's home is as before. */
  const refused = async (
    paths: string | readonly string[],
    code: string | readonly string[],
    { status = 2, command = 'package import' } = {},
  ): Promise<string> => {
    const before = await homeState(world.path(home));
    const words = command.split(' ');
    const error = await refuses(
      world,
      [...words, ...[paths].flat()],
      { home, env: { TMPDIR: scratch } },
      { code, status },
    );
    unmoved(await homeState(world.path(home)), before);
    assert.deepEqual(await readdir(scratch), [], 'something temporary was left');
    return error.message;
  };

  const file = async (name: string, bytes: Buffer | string): Promise<string> => {
    const path = world.path('in', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    return path;
  };

  describe('directories', () => {
    const directory = async (name: string, controlText: string | undefined): Promise<string> => {
      const path = world.path('in', name);
      await mkdir(join(path, 'data', 'usr'), { recursive: true });
      await writeFile(join(path, 'data', 'usr', 'file'), name);
      if (controlText !== undefined) await writeFile(join(path, 'control'), controlText);
      return path;
    };
    const malformed: readonly (readonly [what: string, control: string, code: string | readonly string[]])[] =
      [
        ['no Version', control('d1').replace(/^Version.*\n/m, ''), 'CONTROL_MALFORMED'],
        ['a name with capital letters and a slash', control('../Etc'), ['BAD_NAME', 'CONTROL_MALFORMED']],
        ['a version with a blank', control('d4').replace('1.0', '1 0'), ['BAD_VERSION', 'CONTROL_MALFORMED']],
        [
          'a relation that is none',
          control('d5', 'Depends: a (~~ 1), b (>= )\n'),
          ['BAD_RELATION', 'CONTROL_MALFORMED'],
        ],
        ['a field twice', control('d6', 'Version: 2.0\n'), 'CONTROL_MALFORMED'],
        ['two paragraphs', `${control('d7')}\n${control('d7')}`, 'CONTROL_MALFORMED'],
        ['nothing at all', '', 'CONTROL_MALFORMED'],
        [
          'a field that only the index may set',
          control('d8', `Core: x\n`),
          ['CONTROL_MALFORMED', 'ENTRY_MALFORMED'],
        ],
      ];
    for (const [i, [what, text, code]] of malformed.entries()) {
      test(`a control file with ${what}`, async () => {
        // the first and the last go all the way to publish, which refuses before it builds
        const command = i === 0 || i === malformed.length - 1 ? PUBLISH : BUILD;
        await refused(await directory(`malformed-${i}`, text), code, { command });
      });
    }

    test('a control file that is not UTF-8', async () => {
      const path = await directory('latin', undefined);
      await writeFile(join(path, 'control'), Buffer.from(control('latin', 'Homepage: caf\xe9\n'), 'latin1'));
      await refused(path, 'CONTROL_MALFORMED', { command: BUILD });
    });

    test('no control file', async () => {
      await refused(await directory('bare', undefined), 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });

    test('a file that has no place in a package directory', async () => {
      const path = await directory('odd', control('odd'));
      await writeFile(join(path, 'dta'), '');
      await refused(path, 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });

    test('conffiles that the package does not have', async () => {
      const path = await directory('conf', control('conf'));
      await writeFile(join(path, 'conffiles'), '/etc/nothing\n');
      await refused(path, 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });

    test('a control file that is a link out of the directory', async () => {
      const path = await directory('linked', undefined);
      await writeFile(world.path('in', 'secret'), control('linked'));
      await symlink('../secret', join(path, 'control'));
      await refused(path, 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });

    test('a maintainer script of an unknown name', async () => {
      const path = await directory('scripts', control('scripts'));
      await mkdir(join(path, 'scripts'));
      await writeFile(join(path, 'scripts', 'postinstall'), '#!/bin/sh\n');
      await refused(path, 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });

    test('what does not exist', async () => {
      await refused(world.path('in', 'nowhere'), 'FILE_NOT_FOUND', { command: BUILD, status: 3 });
      await refused(world.path('in', 'nowhere'), 'FILE_NOT_FOUND', { command: PUBLISH, status: 3 });
    });

    test('a socket among its files', async () => {
      const path = await directory('socket', control('socket'));
      // the listening process is killed, so that what it bound stays
      const listen =
        "require('net').createServer().listen('data/sock', () => process.kill(process.pid, 'SIGKILL'))";
      spawnSync(process.execPath, ['-e', listen], { cwd: path });
      assert.ok((await lstat(join(path, 'data', 'sock'))).isSocket());
      await refused(path, 'SOURCE_DIR_MALFORMED', { command: BUILD });
    });
  });

  describe('.deb files cut short or damaged', () => {
    const members = debMembers('cut');
    const whole = ar(members);
    const [, [, info], [, data]] = members as [[string, Buffer], [string, Buffer], [string, Buffer]];
    const dataStart = whole.length - data.length - (data.length % 2);
    const infoStart = dataStart - 60 - info.length - (info.length % 2);
    const places: readonly (readonly [where: string, at: number])[] = [
      ['in the magic', 5],
      ['in the first header', 40],
      ['in the middle of control.tar', infoStart + (info.length >> 1)],
      ['in the header of data.tar', dataStart - 30],
      ['in the middle of data.tar', dataStart + (data.length >> 1)],
      ['before its last byte', dataStart + data.length - 1],
    ];
    for (const [where, at] of places) {
      test(`cut ${where}`, async () => {
        await refused(await file('cut.deb', whole.subarray(0, at)), 'DEB_MALFORMED');
      });
    }

    test('a bit turned over in the compressed data', async () => {
      const bytes = Buffer.from(whole);
      const at = dataStart + (data.length >> 1);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      await refused(await file('bit.deb', bytes), 'DEB_MALFORMED');
    });

    test('a tar that ends in the middle of a file', async () => {
      const short = tar([...TOP, { name: './usr/bin/x', body: 'x'.repeat(2000) }]).subarray(0, 2400);
      await refused(
        await file('short.deb', ar([...members.slice(0, 2), ['data.tar.gz', gzipSync(short)]])),
        'DEB_MALFORMED',
      );
    });

    test('a size field that promises a terabyte', async () => {
      const huge = [...TOP, { name: './usr/bin/x', body: 'x', size: 0o7777_7777_777 }];
      await refused(await file('huge.deb', deb('huge', { data: huge })), ['DEB_MALFORMED', 'LIMIT_EXCEEDED']);
    });

    test('no .deb at all, members missing, repeated or in another order', async () => {
      await refused(await file('text.deb', 'this is no archive\n'), 'DEB_MALFORMED');
      await refused(await file('two.deb', ar(members.slice(0, 2))), 'DEB_MALFORMED');
      await refused(
        await file('swapped.deb', ar([members[0], members[2], members[1]] as typeof members)),
        'DEB_MALFORMED',
      );
      await refused(await file('again.deb', ar([...members, ...members.slice(2)])), 'DEB_MALFORMED');
      await refused(
        await file('format.deb', ar([['debian-binary', Buffer.from('9.0\n')], ...members.slice(1)])),
        'DEB_MALFORMED',
      );
      await refused(await file('nothing.deb', deb('nothing', { info: [dir('./')] })), [
        'DEB_MALFORMED',
        'CONTROL_MALFORMED',
      ]);
    });

    test(
      'dpkg agrees that the whole one is good',
      { skip: hasDpkg() ? false : 'dpkg-deb is not here' },
      async () => {
        const path = await file('whole.deb', whole);
        assert.match(execFileSync('dpkg-deb', ['--contents', path], { encoding: 'utf8' }), /usr\/bin\/cut/);
      },
    );
  });

  describe('.deb files that mean harm', () => {
    // all the ways there are: test/attacks, test/package-repo/deb
    const hostile: readonly (readonly [what: string, parts: DebParts])[] = [
      ['../ in a name', { data: [...TOP, { name: './../../escaped', body: 'x' }] }],
      [
        'a write through a symbolic link',
        {
          data: [
            ...TOP,
            { name: './usr/out', type: '2', link: '/tmp' },
            { name: './usr/out/escaped', body: 'x' },
          ],
        },
      ],
      [
        'a device among the control files',
        {
          info: [
            { name: './control', body: control('evil') },
            { name: './postinst', type: '3', device: [1, 3] },
          ],
        },
      ],
      ['a link as control file', { info: [{ name: './control', type: '2', link: '/etc/passwd' }] }],
    ];
    for (const [what, parts] of hostile) {
      test(what, async () => {
        await refused(await file('evil.deb', deb('evil', parts)), 'DEB_UNSAFE');
      });
    }

    test('a malformed control file in it', async () => {
      await refused(
        await file('nov.deb', deb('nov', { control: control('nov').replace(/^Version.*\n/m, '') })),
        'CONTROL_MALFORMED',
      );
      await refused(await file('nam.deb', deb('nam', { control: control('../../evil') })), [
        'BAD_NAME',
        'CONTROL_MALFORMED',
      ]);
    });

    test('nothing of them was written anywhere', async () => {
      for (const path of ['/tmp/escaped', '/escaped', world.path('escaped'), world.path('in', 'escaped')])
        await assert.rejects(readFile(path), { code: 'ENOENT' });
    });

    test('publish refuses them as package import does', async () => {
      const command = PUBLISH;
      const escape = { data: [{ name: './../escaped', body: 'x' }] };
      await refused(await file('evil.deb', deb('evil', escape)), 'DEB_UNSAFE', { command });
      await refused(await file('cut.deb', deb('cut').subarray(0, 300)), 'DEB_MALFORMED', { command });
      await refused(await file('nov.deb', deb('nov', { control: 'Package: nov\n' })), 'CONTROL_MALFORMED', {
        command,
      });
    });

    test('publish --dry-run refuses them too', async () => {
      const path = await file('evil.deb', deb('evil', { data: [{ name: '/escaped', body: 'x' }] }));
      await refused(path, 'DEB_UNSAFE', { command: 'publish --index acme --dry-run' });
    });
  });

  test('a bad one among good ones: the index lists none of them', async () => {
    const before = await world.json<{ sequence: number; commit: string }>(['index', 'show', 'acme'], {
      home,
    });
    const good = await writeProgram(world.path('in'), program('innocent'));
    const evil = await file('evil.deb', deb('evil', { data: [{ name: '/escaped', body: 'x' }] }));
    await refuses(
      world,
      ['publish', good, evil, '--index', 'acme'],
      { home },
      { code: 'DEB_UNSAFE', status: 2 },
    );
    assert.deepEqual(await world.json(['index', 'show', 'acme'], { home }), before);
    // and the good one can be published afterwards as if nothing had been
    const { changed, sequence } = await world.json<{ changed: boolean; sequence: number }>(
      ['publish', good, '--index', 'acme', '--compression', '1'],
      { home },
    );
    assert.equal(changed, true);
    assert.equal(sequence, before.sequence + 1);
  });

  test('the same version with other contents is refused, the published one stays', async () => {
    const changed = await writeProgram(
      world.path('in', 'changed'),
      program('innocent', { script: '#!/bin/sh\nrm -rf /\n' }),
    );
    await refused(changed, 'ALREADY_EXISTS', { command: PUBLISH });
  });

  test('an older version is refused unless it is asked for', async () => {
    const older = await writeProgram(world.path('in'), program('innocent', { version: '0.9' }));
    const before = await world.json<{ sequence: number }>(['index', 'show', 'acme'], { home });
    await refuses(
      world,
      ['publish', older, '--index', 'acme', '--compression', '1'],
      { home },
      { code: 'ALREADY_EXISTS', status: 2 },
    );
    assert.deepEqual(await world.json(['index', 'show', 'acme'], { home }), before);
    await world.json(['publish', older, '--index', 'acme', '--allow-older', '--compression', '1'], { home });
  });
});

function hasDpkg(): boolean {
  try {
    execFileSync('dpkg-deb', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
