/**
 * What becomes of each package of a transaction: its record in the status before and after. Pure.
 */
import { digestOf } from '../system/digest.js';
import type { Sha256 } from '../model/ids.js';
import { compareVersions } from '../model/version.js';
import type { Claims } from './claims.js';
import type { ChangeAction, Incoming, PackageChange, PlanInput, Slot } from './plan.js';
import type { BytePath } from '../model/bytes.js';
import { MAINTAINER_SCRIPTS } from './script-acts.js';
import type { InstalledPackage } from './status.js';

/** Who has which path in the end. */
export interface EndState {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly claims: Claims;
}

/** One change for each package that is another after the steps, in their order. */
export function changesOf(input: PlanInput, incoming: readonly Incoming[], end: EndState): PackageChange[] {
  const marks = input.steps.filter((step) => step.kind === 'mark');
  const marked = (pkg: InstalledPackage): InstalledPackage => {
    let { auto, held } = pkg;
    for (const mark of marks)
      if (mark.name === pkg.name) [auto, held] = [mark.auto ?? auto, mark.held ?? held];
    return auto === pkg.auto && held === pkg.held ? pkg : { ...pkg, auto, held };
  };
  const changes = input.steps.flatMap((step): PackageChange[] => {
    if (step.kind === 'install') {
      const by = incoming.find((one) => one.step === step);
      if (by === undefined) return [];
      return [
        { name: by.name, action: installAction(by), from: by.old, to: marked(installed(by, end, input)) },
      ];
    }
    if (step.kind === 'remove') {
      const from = input.status.get(step.name);
      if (from === undefined) return [];
      const to = step.purge ? undefined : configFiles(from, end, input);
      return [{ name: step.name, action: step.purge ? 'purge' : 'remove', from, to }];
    }
    return [];
  });
  const names = new Set(changes.map((change) => change.name));
  for (const name of new Set(marks.map((mark) => mark.name))) {
    const from = input.status.get(name);
    if (from === undefined || names.has(name) || marked(from) === from) continue;
    changes.push({ name, action: 'mark', from, to: marked(from) });
  }
  return changes;
}

function installAction({ old, version }: Incoming): ChangeAction {
  if (old?.state !== 'installed') return 'install';
  const order = compareVersions(version, old.version);
  return order > 0 ? 'upgrade' : order < 0 ? 'downgrade' : 'reinstall';
}

function installed(by: Incoming, end: EndState, { runsScripts, diversions }: PlanInput): InstalledPackage {
  const { pin, control, conffiles, goneConffiles, manifest, scripts } = by.release;
  const paths = new Map(manifest.map((entry) => [entry.path as string, entry]));
  const known = new Set([...conffiles, ...goneConffiles]);
  const current = conffiles.flatMap((path) => {
    const entry = paths.get(path);
    const slot = end.slots.get(diversions.place(path as BytePath, by.name));
    if (entry?.sha256 === undefined || slot?.by !== by || slot.lostTo !== undefined) return [];
    return [{ path: entry.path, sha256: entry.sha256, obsolete: false }];
  });
  // what the user may have changed stays, although nobody ships it any more
  const obsolete = (by.old?.conffiles ?? []).flatMap(({ path, sha256 }) =>
    known.has(path) || taken(diversions.place(path, by.name), end) ? [] : [{ path, sha256, obsolete: true }],
  );
  return {
    name: pin.name,
    version: pin.version,
    architecture: pin.architecture,
    state: 'installed',
    pin,
    source: by.step.source,
    suite: by.step.suite,
    auto: by.step.auto,
    held: by.old?.held ?? false,
    conffiles: [...current, ...obsolete],
    replaced: [],
    manifest: digestOf('sha256', by.release.manifestBytes) as Sha256,
    scriptsSkipped: runsScripts !== true && MAINTAINER_SCRIPTS.some((script) => scripts.has(script)),
    fields: control.fields,
  };
}

// Somebody else has the path in the end.
function taken(path: string, { slots, claims }: EndState): boolean {
  return slots.has(path) || claims.get(path)?.some((claim) => claim.type !== 'd') === true;
}

// As dpkg does, a package is forgotten at once when there is nothing for a later purge to do.
function configFiles(
  from: InstalledPackage,
  end: EndState,
  { postrm, diversions }: PlanInput,
): InstalledPackage | undefined {
  const conffiles = from.conffiles.filter(({ path }) => !taken(diversions.place(path, from.name), end));
  const cleansUp = !from.scriptsSkipped && postrm?.has(from.name) === true;
  if (conffiles.length === 0 && !cleansUp) return undefined;
  return { ...from, state: 'config-files', conffiles, replaced: [], auto: false, held: false };
}
