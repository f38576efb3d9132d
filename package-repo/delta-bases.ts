/** Which file of the older release a file of the newer one most likely comes from. Pure. */
import type { ManifestEntry } from '../model/index.js';

/** A file to build upon. */
export interface Base {
  readonly entry: ManifestEntry;
  /** its place among the files of the older manifest */
  readonly index: number;
  /** it stands at the same path */
  readonly samePath: boolean;
  /** its contents are the same */
  readonly same: boolean;
}

/** Paths that must not be built upon. */
export function conffilePaths(conffiles: readonly string[]): ReadonlySet<string> {
  return new Set(conffiles);
}

/** Finds bases. */
export class BaseFinder {
  readonly #old: readonly ManifestEntry[];
  readonly #paths = new Map<string, number>();
  readonly #contents = new Map<string, number>();
  readonly #alike = new Map<string, number[]>();
  readonly #names = new Map<string, number[]>();

  /** @param old - the files of the older release, in manifest order @param refused - paths of its conffiles */
  constructor(old: readonly ManifestEntry[], refused: ReadonlySet<string>) {
    this.#old = old;
    old.forEach((entry, index) => {
      if (refused.has(entry.path) || entry.size === 0) return;
      this.#paths.set(entry.path, index);
      if (entry.sha256 !== undefined && !this.#contents.has(entry.sha256))
        this.#contents.set(entry.sha256, index);
      push(this.#alike, withoutDigits(entry.path), index);
      push(this.#names, withoutDigits(nameOf(entry.path)), index);
    });
  }

  find(fresh: ManifestEntry): Base | undefined {
    const own = this.#paths.get(fresh.path);
    if (own !== undefined && this.#old[own]?.sha256 === fresh.sha256) return this.#base(own, fresh);
    const equal = this.#contents.get(fresh.sha256 ?? '');
    if (equal !== undefined) return this.#base(equal, fresh);
    if (own !== undefined) return this.#base(own, fresh);
    const similar =
      this.#alike.get(withoutDigits(fresh.path)) ?? this.#names.get(withoutDigits(nameOf(fresh.path))) ?? [];
    let best: number | undefined;
    const off = (index: number): number => Math.abs((this.#old[index]?.size ?? 0) - fresh.size);
    for (const index of similar) if (best === undefined || off(index) < off(best)) best = index;
    return best === undefined ? undefined : this.#base(best, fresh);
  }

  #base(index: number, fresh: ManifestEntry): Base {
    const entry = this.#old[index] as ManifestEntry;
    return { entry, index, samePath: entry.path === fresh.path, same: entry.sha256 === fresh.sha256 };
  }
}

// libfoo.so.1.2.3 is what libfoo.so.1.2.2 was
function withoutDigits(text: string): string {
  return text.replace(/\d+/g, '0');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function push(map: Map<string, number[]>, key: string, index: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [index]);
  else known.push(index);
}
