/**
 * V8's own garbage collector, asked for. What the store reads comes in memory outside of V8's heap: V8 sees small objects, of which this thread makes few, and lets
 * them lie until 64 MB hang on them.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options?: { readonly type: 'minor' }) => void;
let collect: Collect | undefined;

/** Collects what was made since the last time and is used no more, a few milliseconds. To be called when all bytecode is loaded, as optimizing.ts says. */
export function collectYoung(): void {
  collect ??= find();
  collect({ type: 'minor' });
}

/** Collects everything that is used no more: in a thread that holds little, as few milliseconds. The same holds for when. */
export function collectAll(): void {
  collect ??= find();
  collect();
}

// There is no other door to it than a context that is made while the flag is set. It stays set: flags are the process's, and another thread may be at it.
function find(): Collect {
  setFlagsFromString('--expose-gc');
  return (runInNewContext('globalThis.gc') as Collect | undefined) ?? ((): void => undefined);
}
