/** A package as show prints it. */
import { printable } from '../../model/index.js';
import type { PackageDetails } from '../workflows/query.js';
import { facts, size } from './table.js';

export function renderPackage(details: PackageDetails): string {
  const scripts = details.scripts
    .map((script) => `\n--- ${script.name}\n${script.text.trimEnd()}`)
    .join('\n');
  return `${printable(details.control.trimEnd())}\n${facts([
    ['Source', details.source === '' ? undefined : `${details.source}/${details.suite}`],
    [
      'State',
      details.installed
        ? `installed${details.held ? ', held' : ''}${details.auto ? ', automatic' : ''}`
        : 'not installed',
    ],
    ['Signed by', details.signer],
    ['Core', details.core],
    ['To fetch', size(details.size)],
  ])}${printable(scripts)}`;
}
