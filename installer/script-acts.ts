/**
 * Which maintainer scripts a transaction runs, in which order, and what takes each of them back. Pure. Policy §6.5–6.8; dpkg's man page
 * deb-postinst(5) and its companions give the arguments.
 *
 * An *act* is one step of one package. It is written to the journal before its script starts, with the calls that undo it; so whoever
 * finds the journal can unwind without knowing anything else:
 *
 *     prerm of what goes · preinst of what comes │ files change │ postrm of what went · postinst in order of dependency │ … │ postrm purge
 *
 * Once for each phase (phases.ts); mostly there is one. Taken back in reverse: `undo.placed` while the new files are still there, then the files, then `undo.restored`. With one package that is
 * dpkg's own unwinding. What dpkg leaves half-configured is taken back too: a new package is removed and purged, an upgraded one is left
 * with `prerm upgrade OLD`, as in a downgrade.
 */
import { favours, type Favour } from './in-favour.js';
import type { LaidDown } from './laid-down.js';
import type { Incoming, PackageChange, TransactionPlan } from './plan.js';
import type { InstalledPackage, RootStatus } from './status.js';

export const MAINTAINER_SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
export type MaintainerScript = (typeof MAINTAINER_SCRIPTS)[number];

/** One script with its arguments. */
export interface ScriptCall {
  readonly package: string;
  readonly architecture: string;
  readonly script: MaintainerScript;
  readonly args: readonly string[];
  /** of the script's copy in the staging area, below the root */
  readonly file: string;
}

/** One step of one package. */
export interface Act {
  readonly package: string;
  /** in which phase; undefined: the first, or the only one */
  readonly phase?: number;
  readonly step: 'prerm' | 'deconfigure' | 'preinst' | 'postrm' | 'configure' | 'triggered' | 'purge';
  /** undefined: the package has no such script; the step counts all the same */
  readonly call?: ScriptCall | undefined;
  /** tried when `call` fails: a newer script can make good what an older one cannot */
  readonly rescue?: ScriptCall | undefined;
  readonly undo: {
    /** while the files of the transaction are in place */
    readonly placed: readonly ScriptCall[];
    /** when the root's files are again what they were */
    readonly restored: readonly ScriptCall[];
  };
  /** in a journal: how many operations had been done when it began */
  readonly done?: number;
  /** in a journal: diversions and overrides when it began, where they were not as noted last */
  readonly laidDown?: LaidDown;
}

/** The acts of a transaction, in the order of their running. */
export interface Acts {
  /** before files change */
  readonly before: readonly Act[];
  /** after files changed */
  readonly placed: readonly Act[];
  readonly configure: readonly Act[];
  /** when conffiles are gone */
  readonly purge: readonly Act[];
}

/** The copy of a package's script: of the version that is installed, or of the one that comes. Undefined when it has none. */
export type FindScript = (name: string, which: 'old' | 'new', script: MaintainerScript) => string | undefined;

/** What the acts of a transaction follow from. */
export interface ActsContext {
  readonly status: RootStatus;
  /** where scripts are */
  readonly find: FindScript;
  /** incoming packages in the order in which they are to be configured */
  readonly order: readonly Incoming[];
}

/** The acts of a transaction; those of a phase are to be run together, in the order of the lists. */
export function scriptActs(plan: TransactionPlan, { status, find, order }: ActsContext): Acts {
  const acts: Record<'before' | 'placed' | 'purge', Act[]> = { before: [], placed: [], purge: [] };
  const configure = new Map<string, Act>();
  const incoming = new Set(plan.incoming.map(({ name }) => name));
  const favour = favours(plan, status);
  const taken = new Set([...favour.values()].flatMap(({ removed }) => removed.map(({ name }) => name)));
  const add = (kind: keyof typeof acts, list: readonly Act[], phase: number): void =>
    void acts[kind].push(...list.map((act) => inPhase(act, phase)));
  for (const change of plan.changes) {
    if (incoming.has(change.name) || change.action === 'mark' || taken.has(change.name)) continue;
    const own = removal(change, find);
    for (const kind of ['before', 'placed', 'purge'] as const) add(kind, own[kind], 0);
  }
  for (const change of plan.changes) {
    if (!incoming.has(change.name)) continue;
    const phase = plan.phases.get(change.name) ?? 0;
    const own = arrival(change, find);
    const { deconfigured = [], removed = [] } = favour.get(change.name) ?? {};
    const words = ['in-favour', change.name, change.to?.version ?? ''];
    const removals = removed.map((one) => removal(one, find, words));
    const prerm = own.before.filter(({ step }) => step === 'prerm');
    add('before', prerm, phase);
    add(
      'before',
      deconfigured.flatMap((one) => deconfigure(one, find, words)),
      phase,
    );
    for (const kind of ['before', 'placed', 'purge'] as const) {
      if (kind === 'placed') add('placed', own.placed, phase);
      add(
        kind,
        removals.flatMap((one) => one[kind]),
        phase,
      );
    }
    add(
      'before',
      own.before.filter((act) => !prerm.includes(act)),
      phase,
    );
    configure.set(change.name, inPhase(own.configure, phase));
  }
  return { ...acts, configure: order.flatMap(({ name }) => configure.get(name) ?? []) };
}

function inPhase(act: Act, phase: number): Act {
  return phase === 0 ? act : { ...act, phase };
}

// Its prerm is called again when it is upgraded, as dpkg does.
function deconfigure(
  { change: { name, from }, removing }: Favour['deconfigured'][number],
  find: FindScript,
  favour: readonly string[],
): Act[] {
  const old = ran(from);
  if (old === undefined) return [];
  const call = caller(find, old, 'old');
  const words = removing === undefined ? favour : [...favour, 'removing', removing.name, removing.version];
  return [
    {
      package: name,
      step: 'deconfigure',
      call: call('prerm', 'deconfigure', ...words),
      undo: { placed: [], restored: calls(call('postinst', 'abort-deconfigure', ...words)) },
    },
  ];
}

// Never configured: its scripts have nothing to take back.
function ran(pkg: InstalledPackage | undefined): InstalledPackage | undefined {
  return pkg?.scriptsSkipped === true ? undefined : pkg;
}

function caller(
  find: FindScript,
  pkg: InstalledPackage,
  which: 'old' | 'new',
): (script: MaintainerScript, ...args: string[]) => ScriptCall | undefined {
  return (script, ...args) => {
    const file = find(pkg.name, which, script);
    if (file === undefined) return undefined;
    return { package: pkg.name, architecture: pkg.architecture, script, args, file };
  };
}

const calls = (...list: readonly (ScriptCall | undefined)[]): ScriptCall[] =>
  list.flatMap((one) => one ?? []);

function removal(
  { name, action, from }: PackageChange,
  find: FindScript,
  favour: readonly string[] = [],
): Record<'before' | 'placed' | 'purge', Act[]> {
  const old = ran(from);
  if (old === undefined) return { before: [], placed: [], purge: [] };
  const call = caller(find, old, 'old');
  const nothing = { placed: [], restored: [] };
  const isThere = old.state === 'installed';
  return {
    before: isThere
      ? [
          {
            package: name,
            step: 'prerm',
            call: call('prerm', 'remove', ...favour),
            undo: { placed: [], restored: calls(call('postinst', 'abort-remove', ...favour)) },
          },
        ]
      : [],
    placed: isThere ? [{ package: name, step: 'postrm', call: call('postrm', 'remove'), undo: nothing }] : [],
    purge:
      action === 'purge'
        ? [{ package: name, step: 'purge', call: call('postrm', 'purge'), undo: nothing }]
        : [],
  };
}

function arrival(
  { name, from, to }: PackageChange,
  find: FindScript,
): Record<'before' | 'placed', Act[]> & { configure: Act } {
  const known = ran(from);
  const next = caller(find, to as InstalledPackage, 'new');
  const now = to?.version ?? '';
  if (known?.state !== 'installed') {
    // config-files: dpkg says which version they are of
    const versions = known === undefined ? [] : [known.version, now];
    return {
      before: [
        {
          package: name,
          step: 'preinst',
          call: next('preinst', 'install', ...versions),
          undo: { placed: [], restored: calls(next('postrm', 'abort-install', ...versions)) },
        },
      ],
      placed: [],
      configure: {
        package: name,
        step: 'configure',
        call: next('postinst', 'configure', known?.version ?? ''),
        undo: {
          placed: calls(next('prerm', 'remove')),
          restored: calls(
            next('postrm', 'remove'),
            known === undefined ? next('postrm', 'purge') : undefined,
          ),
        },
      },
    };
  }
  const { version } = known;
  const old = caller(find, known, 'old');
  return {
    before: [
      {
        package: name,
        step: 'prerm',
        call: old('prerm', 'upgrade', now),
        rescue: next('prerm', 'failed-upgrade', version, now),
        undo: { placed: [], restored: calls(old('postinst', 'abort-upgrade', now)) },
      },
      {
        package: name,
        step: 'preinst',
        call: next('preinst', 'upgrade', version, now),
        undo: { placed: [], restored: calls(next('postrm', 'abort-upgrade', version, now)) },
      },
    ],
    placed: [
      {
        package: name,
        step: 'postrm',
        call: old('postrm', 'upgrade', now),
        rescue: next('postrm', 'failed-upgrade', version, now),
        undo: { placed: calls(old('preinst', 'abort-upgrade', now)), restored: [] },
      },
    ],
    configure: {
      package: name,
      step: 'configure',
      call: next('postinst', 'configure', version),
      undo: { placed: calls(next('prerm', 'upgrade', version)), restored: [] },
    },
  };
}
