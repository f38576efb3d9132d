/**
 * Triggers: packages that want to know when others bring files to a place, or call a name. deb-triggers(5); dpkg's triggers.txt. Pure.
 *
 * All of them are processed at the end of a transaction, once a package, however often they were activated; `-await` and `-noawait` make no
 * difference here, because nothing of the transaction counts as installed before that.
 */
import type { TransactionPlan } from './plan.js';

/** One line of a package's `triggers` file. */
export interface TriggerLine {
  readonly kind: 'interest' | 'activate';
  /** whether who activates it waits for its processing: written down for dpkg */
  readonly noawait: boolean;
  /** a name, or an absolute path: everything at and below it */
  readonly name: string;
}

const LINE = /^\s*(interest|activate)(?:-(await|noawait))?\s+([\x21-\x7e]+)\s*$/;

/** The lines of a `triggers` file; what is no such line is left out, as what dpkg-deb would not have built. */
export function parseTriggers(bytes: Uint8Array): TriggerLine[] {
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  return lines.flatMap((text): TriggerLine[] => {
    const [, kind, wait, name] = LINE.exec(text.replace(/#.*/, '')) ?? [];
    if (kind === undefined || name === undefined) return [];
    return [
      {
        kind: kind as TriggerLine['kind'],
        noawait: wait === 'noawait',
        name: name.replace(/(?<=.)\/+$/, ''),
      },
    ];
  });
}

/** Names that scripts gave to dpkg-trigger: its file `Unincorp`, lines of a name and who activated it. */
export function parseUnincorp(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  return lines.flatMap((line) => /^([\x21-\x7e]+)\s/.exec(line)?.[1] ?? []);
}

/** Who waits for which trigger, and what has been activated since. */
export class Triggers {
  readonly #interested = new Map<string, string[]>();
  readonly #pending = new Map<string, Set<string>>();

  /** @param lines - by package: those that are installed in the end */
  constructor(lines: ReadonlyMap<string, readonly TriggerLine[]>) {
    for (const [name, own] of lines)
      for (const line of own)
        if (line.kind === 'interest')
          this.#interested.set(line.name, [...(this.#interested.get(line.name) ?? []), name]);
  }

  /** Somebody is interested in files. */
  get watchesFiles(): boolean {
    return [...this.#interested.keys()].some((name) => name.startsWith('/'));
  }

  /** Activates by name; names that nobody waits for are none of our business. */
  activate(name: string): void {
    for (const one of this.#interested.get(name) ?? []) {
      const there = this.#pending.get(one);
      if (there === undefined) this.#pending.set(one, new Set([name]));
      else there.add(name);
    }
  }

  /** A path, without leading slash, came, changed or went. */
  touch(path: string): void {
    for (let at = `/${path}`; at.length > 1; at = at.slice(0, at.lastIndexOf('/')))
      if (this.#interested.has(at)) this.activate(at);
  }

  /** The package is configured from the start: whatever was activated until now is done with that. */
  settle(name: string): void {
    this.#pending.delete(name);
  }

  /** What is to be processed now, in order of names; nothing is pending then. */
  take(): { readonly name: string; readonly triggers: readonly string[] }[] {
    const all = [...this.#pending].map(([name, triggers]) => ({ name, triggers: [...triggers].sort() }));
    this.#pending.clear();
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Everything that the plan puts into the root or takes out of it. */
export function touchedPaths(plan: TransactionPlan): string[] {
  const placed = [...plan.slots.values()].flatMap(({ path, entry, lostTo }) =>
    entry.type === 'd' || lostTo !== undefined ? [] : (path as string),
  );
  return [...placed, ...plan.removals];
}
