/**
 * The releases of a bundle into the store: those that a trusted index lists, and of each the blocks that are genuine and not held yet.
 */
import { GtpkgError, printable, type CoreKey, type ReleasePin } from '../../model/index.js';
import type { Bundle, BundledRelease, Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import type { Source } from '../places.js';
import { openQuery } from './offers.js';
import { indexRepository } from './own-index.js';

/** What became of one release. */
export interface ImportedRelease {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** whose index lists it; null when none that is trusted does */
  readonly source: string | null;
  readonly core: string;
  readonly size: number;
  /** bytes of it that are here now */
  readonly held: number;
  /** `unlisted`: left on the stick, because no trusted index lists it */
  readonly state: 'taken' | 'held' | 'missing' | 'damaged' | 'unlisted';
}

interface Listed {
  readonly pin: ReleasePin;
  readonly source: string;
}

/** What is read, where it goes, and whose indexes count. */
export interface TakeOptions {
  readonly bundle: Bundle;
  readonly depot: Depot;
  readonly sources: readonly Source[];
  readonly dryRun: boolean;
}

/** @returns also how many bytes were new. @throws GtpkgError NO_SPACE, IO_ERROR */
export async function takeReleases(
  context: Context,
  { bundle, depot, sources, dryRun }: TakeOptions,
): Promise<{ releases: ImportedRelease[]; taken: number }> {
  const claims = [...new Map(bundle.list.releases.map((each) => [each.core.key, each])).values()];
  const listed = await lookUp(sources, claims);
  const found = [...listed.values()];
  const before = await depot.held(found.map(({ pin }) => pin.core));
  const total = found.reduce((sum, { pin }, i) => sum + pin.core.byteLength - (before[i] ?? 0), 0);
  const rows = new Map<CoreKey, ImportedRelease>();
  let taken = 0;
  let passed = 0;
  context.report({ kind: 'start', id: 'bundle', label: 'Importing', total, unit: 'bytes' });
  try {
    for (const [i, { pin, source }] of found.entries()) {
      const known = before[i] ?? 0;
      const missing = pin.core.byteLength - known;
      const { state, held } =
        missing === 0
          ? { state: 'held' as const, held: known }
          : dryRun
            ? preview(bundle, pin, known)
            : await take({ bundle, depot }, pin, (done) =>
                context.report({ kind: 'advance', id: 'bundle', done: passed + Math.max(0, done - known) }),
              );
      rows.set(pin.core.key, { ...shown(pin, held), source, state });
      taken += held - known;
      passed += missing;
    }
  } finally {
    context.report({ kind: 'end', id: 'bundle' });
  }
  const releases = claims.map(
    (claim) => rows.get(claim.core.key) ?? { ...shown(claim, 0), source: null, state: 'unlisted' as const },
  );
  return { releases, taken };
}

type Outcome = Pick<ImportedRelease, 'state' | 'held'>;

// What can be told without reading it: whether all of it is there.
function preview(bundle: Bundle, { core }: ReleasePin, known: number): Outcome {
  return bundle.holds(core) ? { state: 'taken', held: core.byteLength } : { state: 'missing', held: known };
}

async function take(
  { bundle, depot }: Pick<TakeOptions, 'bundle' | 'depot'>,
  { core }: ReleasePin,
  onProgress: (done: number) => void,
): Promise<Outcome> {
  const part = bundle.cores.get(core.key);
  if (part?.ref.byteLength !== core.byteLength) return { state: 'missing', held: 0 };
  try {
    const { held, wrong } = await depot.putPart(part, { onProgress: ({ done }) => onProgress(done) });
    return { held, state: held === core.byteLength ? 'taken' : wrong > 0 ? 'damaged' : 'missing' };
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.code !== 'CORE_MISMATCH') throw error;
    const [held = 0] = await depot.held([core]);
    return { state: bundle.holds(core) ? 'damaged' : 'missing', held };
  }
}

function shown(
  { name, version, architecture, core }: BundledRelease,
  held: number,
): Omit<ImportedRelease, 'source' | 'state'> {
  const [plainName, plainVersion, plainArchitecture] = [name, version, architecture].map((text) =>
    printable(text).replace(/\s+/g, ' '),
  ) as [string, string, string];
  return {
    name: plainName,
    version: plainVersion,
    architecture: plainArchitecture,
    core: core.key,
    size: core.byteLength,
    held,
  };
}

// By the names that the bundle gives; what is not found so may be of another architecture, which query files leave out.
async function lookUp(
  sources: readonly Source[],
  claims: readonly BundledRelease[],
): Promise<Map<CoreKey, Listed>> {
  const listed = new Map<CoreKey, Listed>();
  for (const source of sources) {
    const query = openQuery(source);
    for (const { name, core } of claims) {
      const same = query?.byName(name).find(({ pin }) => pin.core.key === core.key);
      if (same !== undefined && !listed.has(core.key))
        listed.set(core.key, { pin: same.pin, source: source.name });
    }
    query?.close();
  }
  const rest = new Set(claims.map(({ core }) => core.key).filter((key) => !listed.has(key)));
  for (const source of rest.size === 0 ? [] : sources) {
    const { listEntries } = await import('../../index-repo/index.js');
    for await (const { entry } of listEntries(indexRepository(source)))
      if (rest.has(entry.pin.core.key))
        listed.set(entry.pin.core.key, { pin: entry.pin, source: source.name });
  }
  return listed;
}
