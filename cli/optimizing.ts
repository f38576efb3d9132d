/**
 * When V8 optimizes code. Only for Node 20: later versions have a tier in between that costs little, and other flags. To be called when the program
 * has been loaded, because V8 takes bytecode only with the flags that it was made with.
 */
import { setFlagsFromString } from 'node:v8';

const isNode20 = process.versions.node.startsWith('20.');

/**
 * Optimizes a function, in every thread of the process, only when it has done so much work.
 * @param budget - in V8's units; 132 KB of bytecode by default
 */
export function optimizeAfter(budget: number): void {
  if (isNode20) setFlagsFromString(`--interrupt-budget=${budget}`);
}

/** How much the heap may grow before V8 looks for what is free. @param percent - of what is in use */
export function growHeapBy(percent: number): void {
  if (isNode20) setFlagsFromString(`--heap-growing-percent=${percent}`);
}
