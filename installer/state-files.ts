/**
 * gtpkg's own files that change with a transaction: status, manifests, scripts, history. They are staged and placed by the same
 * operations as everything else, the status last.
 */
import { joinPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { MAX_HISTORY } from '../model/limits.js';
import { actor, formatHistory, historyChange, historyCommand, historyIds, historyName } from './history.js';
import { dpkgChange, type DpkgChange } from './dpkg-database.js';
import type { Operation } from './operations.js';
import type { Prepared, TransactionRequest } from './prepare.js';
import type { Staging } from './stage.js';
import { formatStatus, type RootStatus } from './status.js';

function statusAfter({ plan, survey, input }: Prepared): RootStatus {
  const status = new Map(input.status);
  const changed = new Set(plan.changes.map(({ name }) => name));
  for (const { name, to } of plan.changes) {
    if (to === undefined) status.delete(name);
    else status.set(name, to);
  }
  for (const { name } of plan.incoming) {
    const to = status.get(name);
    if (to !== undefined)
      status.set(name, { ...to, replaced: [...(survey.lost.get(name) ?? [])] as BytePath[] });
  }
  for (const pkg of input.status.values()) {
    if (
      changed.has(pkg.name) &&
      plan.changes.some(({ name, action }) => name === pkg.name && action !== 'mark')
    )
      continue;
    const lost = survey.lost.get(pkg.name) ?? new Set<string>();
    const isGone = (path: string, own: boolean): boolean => lost.has(path) || (!own && plan.slots.has(path));
    const conffiles = pkg.conffiles.filter(
      ({ path, obsolete }) => !isGone(path, pkg.state === 'installed' && !obsolete),
    );
    if (lost.size === 0 && conffiles.length === pkg.conffiles.length) continue;
    const now = status.get(pkg.name) ?? pkg;
    if (pkg.state === 'config-files' && conffiles.length === 0) status.delete(pkg.name);
    else
      status.set(pkg.name, {
        ...now,
        conffiles,
        replaced: [...new Set([...pkg.replaced, ...(lost as Set<BytePath>)])],
      });
  }
  return status;
}

/**
 * Stages dpkg's database, where the root has one: for the first phase, so that scripts find their packages in it.
 * @throws the system's errors; GtpkgError STATUS_CORRUPT
 */
export function dpkgOperations(prepared: Prepared, staging: Staging): DpkgChange | undefined {
  let counter = 0;
  const backup = (): string => `${staging.main}/t${counter++}`;
  const configures = prepared.scripts !== undefined;
  return dpkgChange({ prepared, staging, status: statusAfter(prepared), backup, configures });
}

/** Stages the new state files, to be placed last. @throws the system's errors; GtpkgError RELEASE_MALFORMED */
export function stateOperations(
  prepared: Prepared,
  staging: Staging,
  { request, notes }: { request: TransactionRequest; notes: readonly string[] },
): Operation[] {
  const { root, plan, input, id } = prepared;
  const { state, disk } = root;
  const operations: Operation[] = [];
  let counter = 0;
  const backup = (): string => `${staging.main}/s${counter++}`;
  const put = (staged: string, path: string): void => {
    if (disk.exists(path)) operations.push({ kind: 'replace', staged, path, backup: backup() });
    else operations.push({ kind: 'place', staged, path });
  };
  const remove = (path: string): void => {
    if (disk.exists(path)) operations.push({ kind: 'remove', path, backup: backup() });
  };
  plan.incoming.forEach(({ name, release }, index) => {
    put(staging.create(`manifest${index}`, release.manifestBytes), joinPath(state.manifests, name));
    remove(joinPath(state.scripts, name));
    if (release.scripts.size === 0) return;
    for (const script of release.scripts.keys()) {
      if (!/^[a-z]+$/.test(script))
        throw new GtpkgError(
          'RELEASE_MALFORMED',
          `${name}: "${script}" is not the name of a maintainer script`,
        );
    }
    operations.push({
      kind: 'place',
      staged: staging.createDirectory(`scripts${index}`, release.scripts),
      path: joinPath(state.scripts, name),
    });
  });
  const status = statusAfter(prepared);
  for (const name of input.status.keys()) {
    if (status.has(name)) continue;
    remove(joinPath(state.manifests, name));
    remove(joinPath(state.scripts, name));
  }
  const via = new Map(plan.incoming.map(({ name, step }) => [name, step.via]));
  const entry = {
    id,
    date: request.now.toISOString(),
    purpose: request.purpose ?? { kind: 'change' as const },
    command: historyCommand(request.command),
    ...actor(),
    changes: plan.changes.map((change) => historyChange(change, via.get(change.name))),
    indexCommits: request.indexCommits,
    notes,
  };
  for (const old of historyIds(root.dir))
    if (old <= id - MAX_HISTORY) remove(joinPath(state.history, historyName(old)));
  put(staging.create('history', formatHistory(entry)), joinPath(state.history, historyName(id)));
  put(staging.create('status', formatStatus(status)), state.status);
  return operations;
}
