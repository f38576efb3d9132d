/**
 * Help as gtpkg prints it: the commands by what they are for, short usage lines, the global flags last. oclif's `helpClass`.
 */
import { CommandHelp, Help, type Command, type Interfaces } from '@oclif/core';
import { unknownCommand } from './not-found.js';

/** What belongs together. Commands and topics that stand nowhere are shown at the end. */
export const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  [
    'USE PACKAGES',
    ['source', 'update', 'search', 'show', 'install', 'upgrade', 'remove', 'autoremove', 'download', 'trust'],
  ],
  ['ASK WHY', ['why', 'why-not', 'depends', 'rdepends', 'policy', 'resolve']],
  [
    'LOOK AFTER A ROOT',
    [
      'list',
      'files',
      'owns',
      'hold',
      'unhold',
      'pin',
      'mark',
      'verify',
      'history',
      'rollback',
      'recover',
      'env',
    ],
  ],
  ['PUBLISH', ['key', 'package', 'index', 'publish', 'clone']],
  ['SHARE', ['seed', 'status', 'peer', 'dht', 'bundle', 'demo']],
];

const START = [
  'Use a distribution:   gtpkg source add INTRODUCTION && gtpkg install PKG',
  'Make one:             gtpkg key generate, gtpkg index create, gtpkg publish, gtpkg seed',
  'See it all at work:   gtpkg demo',
];

class GtpkgCommandHelp extends CommandHelp {
  protected override description(): string | undefined {
    const { description } = this.command;
    return description === undefined ? undefined : this.wrap(description);
  }

  protected override examples(examples: Command.Example[] | undefined | string): string | undefined {
    return super.examples(examples)?.replaceAll('\n\n', '\n');
  }

  // what is particular to the command before what all have
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const order = ['USAGE', 'DESCRIPTION', 'ARGUMENTS', 'EXAMPLES', 'FLAGS'];
    return super
      .sections()
      .filter(({ header }) => order.includes(header))
      .sort((a, b) => order.indexOf(a.header) - order.indexOf(b.header));
  }
}

/** Named in package.json. */
export default class GtpkgHelp extends Help {
  protected override CommandHelpClass = GtpkgCommandHelp;

  constructor(config: Interfaces.Config, options?: Partial<Interfaces.HelpOptions>) {
    super(config, { ...options, flagSortOrder: 'none' });
  }

  override async showHelp(argv: string[]): Promise<void> {
    const words = argv.filter((word) => !word.startsWith('-'));
    const [first, second] = words;
    const ids = new Set([
      ...this.config.commandIDs,
      ...this.config.topics.map(({ name }) => name.split(':')[0]),
    ]);
    if (first !== undefined && !ids.has(first) && !ids.has(`${first}:${second}`))
      throw unknownCommand(words, this.config);
    if (
      second !== undefined &&
      !ids.has(`${first}:${second}`) &&
      !this.config.commandIDs.includes(`${first}`)
    )
      throw unknownCommand(words, this.config);
    await super.showHelp(argv);
  }

  protected override async showRootHelp(): Promise<void> {
    const described = new Map<string, string>();
    for (const { id, summary, description, hidden } of this.config.commands)
      if (!hidden && !id.includes(':')) described.set(id, this.render(summary ?? description ?? ''));
    for (const { name, description } of this.config.topics)
      if (!name.includes(':') && !described.has(name)) described.set(name, description ?? '');
    const grouped = new Set(GROUPS.flatMap(([, names]) => names));
    const rest = [...described.keys()].filter((name) => !grouped.has(name)).sort();
    this.log(this.config.pjson.description ?? '');
    this.log('');
    this.log(this.section('USAGE', '$ gtpkg COMMAND [FLAGS]'));
    for (const [title, names] of [...GROUPS, ['MORE', rest] as const]) {
      const lines = names.flatMap((name): [string, string][] => {
        const text = described.get(name);
        return text === undefined ? [] : [[name, text.split('\n')[0] ?? '']];
      });
      if (lines.length === 0) continue;
      this.log('');
      this.log(this.section(title, this.renderList(lines, { indentation: 2, spacer: '\n' })));
    }
    this.log('');
    this.log(this.section('START', START.join('\n')));
    this.log('');
    this.log('gtpkg help COMMAND shows its flags and examples.');
  }
}
