/**
 * Which maintainer scripts a transaction runs, in which order, and what takes each of them back. Pure. Policy §6.5–6.8; dpkg's man page
 * deb-postinst(5) and its companions give the arguments.
 *
 * An *act* is one step of one package. It is written to the journal before its script starts, with the calls that undo it; so whoever
 * finds the journal can unwind without knowing anything else:
 *
 *     prerm of what goes · preinst of what comes │ files change │ postrm of what went · postinst in order of dependency · postrm purge
 *
 * Taken back in reverse: `undo.placed` while the new files are still there, then the files, then `undo.restored`. With one package that is
 * dpkg's own unwinding. What dpkg leaves half-configured is taken back too: a new package is removed and purged, an upgraded one is left
 * with `prerm upgrade OLD`, as in a downgrade.
 */
import type { Incoming, PackageChange, TransactionPlan } from './plan.js';
import type { InstalledPackage } from './status.js';

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
  readonly step: 'prerm' | 'preinst' | 'postrm' | 'configure' | 'triggered' | 'purge';
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

/**
 * @param find - where scripts are
 * @param order - incoming packages in the order in which they are to be configured
 */
export function scriptActs(plan: TransactionPlan, find: FindScript, order: readonly Incoming[]): Acts {
  const before: Act[] = [];
  const placed: Act[] = [];
  const purge: Act[] = [];
  const configure = new Map<string, Act>();
  const incoming = new Map(plan.incoming.map((by) => [by.name, by]));
  for (const change of plan.changes) {
    const by = incoming.get(change.name);
    if (by === undefined && change.action !== 'mark') {
      const acts = removal(change, find);
      before.push(...acts.before);
      placed.push(...acts.placed);
      purge.push(...acts.purge);
    }
  }
  for (const change of plan.changes) {
    const by = incoming.get(change.name);
    if (by === undefined) continue;
    const acts = arrival(change, find);
    before.push(...acts.before);
    placed.push(...acts.placed);
    configure.set(change.name, acts.configure);
  }
  return { before, placed, purge, configure: order.flatMap(({ name }) => configure.get(name) ?? []) };
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
            call: call('prerm', 'remove'),
            undo: { placed: [], restored: calls(call('postinst', 'abort-remove')) },
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

/** The calls that take back `acts`, which ran in that order: first those for `placed`, then those for `restored`. */
export function undoCalls(
  acts: readonly Act[],
): Readonly<Record<'placed' | 'restored', readonly ScriptCall[]>> {
  const reverse = [...acts].reverse();
  // what came as far as its postinst is removed, not called off
  const gone = new Set(reverse.flatMap((act) => (isFirstConfigure(act) ? act.package : [])));
  return {
    placed: reverse.flatMap((act) => act.undo.placed),
    restored: reverse.flatMap((act) =>
      act.step === 'preinst' && gone.has(act.package) ? [] : act.undo.restored,
    ),
  };
}

function isFirstConfigure({ step, undo }: Act): boolean {
  return step === 'configure' && undo.restored.length > 0;
}

/**
 * The order in which to configure: as they come, which is the resolver's order of dependencies. Where nothing is there yet, Essential
 * packages and what they need come first, as with debootstrap: all others take them for granted and do not say so.
 */
export function configureOrder(incoming: readonly Incoming[], fromNothing: boolean): readonly Incoming[] {
  if (!fromNothing) return incoming;
  const providers = new Map<string, Incoming[]>();
  for (const by of incoming)
    for (const name of [by.name, ...by.release.control.relations.provides.map((one) => one.name)])
      providers.set(name, [...(providers.get(name) ?? []), by]);
  const first = new Set<Incoming>();
  const visit = (by: Incoming): void => {
    if (first.has(by)) return;
    first.add(by);
    const { preDepends, depends } = by.release.control.relations;
    for (const clause of [...preDepends, ...depends])
      for (const { name } of clause) for (const other of providers.get(name) ?? []) visit(other);
  };
  for (const by of incoming) if (by.release.control.essential) visit(by);
  return [...incoming.filter((by) => first.has(by)), ...incoming.filter((by) => !first.has(by))];
}
