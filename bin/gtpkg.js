#!/usr/bin/env node
// Start-up is a feature: what can be answered without loading anything is answered here.
import { existsSync, readFileSync } from 'node:fs';

const here = new URL('..', import.meta.url);
const argv = process.argv.slice(2);

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  const { name, version } = JSON.parse(readFileSync(new URL('package.json', here), 'utf8'));
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (!existsSync(new URL('dist/cli/main.js', here))) {
  process.stderr.write('error[INTERNAL]: gtpkg is not built yet\n  next: npm ci && npm run build\n');
  process.exitCode = 1;
} else {
  const { openBundle } = await import('./open-bundle.js');
  const whole = () => import(new URL('dist/cli/main.js', here).href);
  // help is oclif's, which wants the modules
  const helps = argv.length === 0 || argv[0] === 'help' || argv.includes('--help') || argv.includes('-h');
  const bundle = helps ? undefined : openBundle(here, argv[0]);
  if (bundle === undefined) await (await whole()).main(argv, here);
  else await bundle.main(argv, here, { commands: bundle.commands, whole });
}
