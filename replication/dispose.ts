/**
 * Lets go of a DHT node for good, one that never came up included.
 *
 * hyperdht's destroy() waits for the binding first; when that failed, destroy() fails too and leaves its watch over the
 * network interfaces behind, which keeps the process alive. Nothing public reaches that watch.
 */
import type HyperDHT from 'hyperdht';

/** Never throws. @param options.force - without taking leave of the DHT */
export async function dispose(node: HyperDHT, options: { readonly force?: boolean } = {}): Promise<void> {
  try {
    await node.destroy({ force: options.force ?? false });
  } catch {
    const { io } = node as unknown as { io?: { networkInterfaces?: { destroy(): unknown } } };
    try {
      await io?.networkInterfaces?.destroy();
    } catch {
      // gone already
    }
  }
}
