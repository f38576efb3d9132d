/** The command line as docs/cli/README.md promises it: names, flags, examples, exit statuses. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CommandClass } from '../../cli/command.js';
import { globalFlags } from '../../cli/flags.js';
import { GROUPS } from '../../cli/help.js';
import { EXIT } from '../../model/errors.js';

type Loaded = CommandClass & { readonly description?: string; readonly examples: readonly string[] };

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const files = (await readdir(new URL('../../cli/commands/', import.meta.url), { recursive: true }))
  .filter((name) => name.endsWith('.js'))
  .sort();
const commands = new Map<string, Loaded>();
for (const file of files) {
  const { default: command } = (await import(`../../cli/commands/${file}`)) as { default: Loaded };
  commands.set(file.slice(0, -'.js'.length).replaceAll('\\', '/').replaceAll('/', ' '), command);
}
const readme = await readFile(`${ROOT}docs/cli/README.md`, 'utf8');

/** What the README lists: command → the text after its name. */
function listed(): Map<string, string> {
  const block = /## Commands\n\n```\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const found = new Map<string, string>();
  for (const line of block.split('\n').filter((each) => each !== '')) {
    assert.match(line, /^gtpkg /);
    let topic = '';
    for (const part of line.slice('gtpkg '.length).split(' · ')) {
      const words = part.trim().split(' ');
      const names = [`${words[0]} ${words[1]}`, `${topic} ${words[0]}`, words[0] ?? ''];
      const name = names.find((each) => commands.has(each));
      assert.ok(name !== undefined, `README names "${part}", which is no command`);
      assert.ok(!found.has(name), `README lists ${name} twice`);
      if (name.includes(' ')) topic = name.split(' ')[0] ?? '';
      const own = names.indexOf(name) === 0 ? 2 : 1;
      found.set(name, words.slice(own).join(' '));
    }
  }
  return found;
}

/** `--like-this` in a text. */
function flagsIn(text: string): string[] {
  return [...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, name]) => name ?? '');
}

describe('every command', () => {
  for (const [name, command] of commands) {
    test(`gtpkg ${name}`, () => {
      const { summary, usage, examples, flags, args } = command;
      assert.match(summary, /^[A-Z].{8,68}\.$/, 'a summary of one short line');
      assert.ok(usage === name || usage.startsWith(`${name} `), `usage "${usage}"`);
      assert.ok(
        examples.some((each) => each.includes(`<%= config.bin %> ${name}`)),
        'an example of this command',
      );
      for (const each of examples)
        for (const flag of flagsIn(each))
          if (each.startsWith('<%='))
            assert.ok(flag in flags || flag in globalFlags, `the example's --${flag} does not exist`);
      for (const flag of flagsIn(usage))
        assert.ok(flag in flags, `usage names --${flag}, which does not exist`);
      for (const [flag, data] of Object.entries(flags)) {
        const { required, description, type, helpValue } = data as typeof data & { helpValue?: string };
        assert.ok(!(flag in globalFlags), `--${flag} hides the global flag`);
        assert.ok(description !== undefined && description !== '', `--${flag} is described`);
        if (type === 'option') assert.ok(helpValue !== undefined, `--${flag} says what its value is`);
        if (required === true) assert.ok(flagsIn(usage).includes(flag), `usage names the required --${flag}`);
      }
      if (Object.keys(args).length > 0 || !command.strict)
        assert.match(usage.slice(name.length), /[A-Z]/, 'usage names the arguments');
    });
  }

  test('takes the global flags', () => {
    assert.deepEqual(Object.keys(globalFlags).sort(), [
      'bootstrap',
      'home',
      'json',
      'no-lan',
      'offline',
      'root',
      'timeout',
      'yes',
    ]);
  });

  test('that changes a root, an index, a source, a key store or a package repository has --dry-run', () => {
    const changing =
      'install upgrade remove autoremove hold unhold mark recover publish download|index add|index remove|index create|index fork|source add|source remove|key import|bundle export|bundle import|package build|package import|package sign';
    for (const name of changing.split('|').flatMap((part) => (commands.has(part) ? [part] : part.split(' '))))
      assert.ok('dry-run' in (commands.get(name)?.flags ?? {}), `gtpkg ${name} has no --dry-run`);
  });
});

describe('docs/cli/README.md', () => {
  test('lists every command, and no other', () => {
    assert.deepEqual([...listed().keys()].sort(), [...commands.keys()].sort());
  });

  test('names no flag that does not exist', () => {
    for (const [name, text] of listed())
      for (const flag of flagsIn(text))
        assert.ok(flag in (commands.get(name)?.flags ?? {}), `gtpkg ${name} has no --${flag}`);
    for (const flag of flagsIn(/## Global flags\n([\s\S]*?)## /.exec(readme)?.[1] ?? ''))
      assert.ok(flag in globalFlags || flag === 'dry-run', `there is no global --${flag}`);
  });

  test('promises the exit statuses that there are', () => {
    const promised = [...readme.matchAll(/^\| (\d) +\| (.+?) +\|$/gm)].map(([, status]) => Number(status));
    assert.deepEqual(
      promised,
      Object.values(EXIT).sort((a, b) => a - b),
    );
  });
});

test('the manifest that is built has these commands', async (context) => {
  const text = await readFile(`${ROOT}oclif.manifest.json`, 'utf8').catch(() => undefined);
  if (text === undefined) return context.skip('oclif.manifest.json is not built');
  const manifest = JSON.parse(text) as { commands: Record<string, { summary: string; flags: object }> };
  assert.deepEqual(
    Object.keys(manifest.commands)
      .map((id) => id.replaceAll(':', ' '))
      .sort(),
    [...commands.keys()].sort(),
  );
  for (const [id, { summary, flags }] of Object.entries(manifest.commands)) {
    assert.equal(summary, commands.get(id.replaceAll(':', ' '))?.summary);
    assert.ok('json' in flags, `${id} takes --json`);
  }
});

test('help shows every command under what it is for', () => {
  const shown = GROUPS.flatMap(([, names]) => names);
  assert.deepEqual(
    [...new Set(shown)].sort(),
    [...new Set([...commands.keys()].map((id) => id.split(' ')[0]))].sort(),
  );
  assert.equal(new Set(shown).size, shown.length);
});
