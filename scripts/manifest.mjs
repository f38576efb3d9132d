/**
 * Writes oclif.manifest.json, what every command is called and takes, so that starting gtpkg loads the one command that is
 * run and no other. Run after `tsc -b`.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const commands = join(root, 'dist', 'cli', 'commands');
const manifest = join(root, 'oclif.manifest.json');

// oclif would read the old one
rmSync(manifest, { force: true });
if (
  existsSync(commands) &&
  readdirSync(commands, { recursive: true }).some((name) => String(name).endsWith('.js'))
) {
  const { Plugin } = await import('@oclif/core');
  const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
  await plugin.load();
  writeFileSync(manifest, `${JSON.stringify(plugin.manifest)}\n`);
}
