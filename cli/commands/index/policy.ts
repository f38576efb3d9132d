import * as Flags from '../../flags.js';
import { GtpkgError } from '../../../model/index.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { pendingNote } from '../../render/pending.js';
import { oneLine, table } from '../../render/table.js';
import {
  addPolicy,
  listPolicy,
  removePolicy,
  type PolicyChange,
  type PolicyListing,
} from '../../workflows/index-policy.js';

export default class IndexPolicy extends GtpkgCommand<typeof IndexPolicy, PolicyChange | PolicyListing> {
  static override usage = 'index policy list|add|remove NAME [FILE] [--force] [--dry-run]';
  static override summary = 'Say in an index who may release which packages.';
  static override description =
    'FILE holds KeyNote assertions (docs/formats/policy.md); they are checked, signed by the keys that they name, and become part of the signed index. In FILE, Authorizer: "roots" stands for each root that signs here.';
  static override examples = [
    '<%= config.bin %> index policy add acme openssl.kn',
    '<%= config.bin %> index policy list acme',
    '<%= config.bin %> index policy remove acme openssl.kn',
  ];
  static override args = {
    action: Flags.word({ description: 'what to do', options: ['list', 'add', 'remove'], required: true }),
    name: Flags.word({ description: 'an index kept here', required: true }),
    file: Flags.word({ description: 'a file of assertions, or the name of one' }),
  };
  static override flags = {
    'passphrase-file': Flags.string({
      description: 'passphrase of the keys that sign',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    force: Flags.boolean({ description: 'also when listed releases are no longer accepted' }),
    'dry-run': Flags.boolean({ description: 'say what would follow, change nothing' }),
  };

  protected async work({
    context,
    args,
    flags,
  }: Call<typeof IndexPolicy>): Promise<PolicyChange | PolicyListing> {
    if (args.action === 'list') return listPolicy(context, args.name);
    if (args.file === undefined) throw new GtpkgError('USAGE', 'no FILE is named');
    const options = {
      index: args.name,
      file: args.file,
      passphraseFile: flags['passphrase-file'],
      force: flags.force,
      dryRun: flags['dry-run'],
    };
    return args.action === 'add' ? addPolicy(context, options) : removePolicy(context, options);
  }

  protected render(data: PolicyChange | PolicyListing): string {
    return 'files' in data ? renderListing(data) : renderChange(data);
  }
}

function renderListing({ index, delegates, files, void: bad }: PolicyListing): string {
  if (!delegates) return `${index} has no policy: what it lists is accepted.`;
  const rows = files.map((each) => [each.name, String(each.assertions), String(each.bytes)]);
  const notes = bad.map(({ where, why }) => oneLine(`${where} does not count: ${why}`));
  return [table(['FILE', 'ASSERTIONS', 'BYTES'], rows), ...notes].join('\n');
}

function renderChange({
  index,
  file,
  sequence,
  changed,
  removed,
  dryRun,
  signers,
  lost,
  pending,
}: PolicyChange): string {
  const done = dryRun ? 'would be' : changed ? 'is' : 'was';
  const state = removed ? `${done} taken out of ${index}` : `${done} in ${index}`;
  const lines = [
    `${file} ${state}${dryRun ? '' : `, at sequence ${sequence}`}${signers.length === 0 ? '' : `; signed by ${signers.join(', ')}`}.`,
  ];
  if (lost.length > 0) lines.push(`No longer accepted: ${lost.join(', ')}`);
  if (pending.length > 0) lines.push('', ...pendingNote(index, pending));
  return lines.join('\n');
}
