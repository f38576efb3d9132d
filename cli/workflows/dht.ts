/** Runs a bootstrap node until the user stops it. */
import type { Context } from '../context.js';
import { untilStopped } from '../stop.js';

/** What a finished node tells. */
export interface BootstrapRun {
  readonly address: string;
  readonly seconds: number;
}

/** @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
export async function runBootstrap(context: Context, host: string, port: number): Promise<BootstrapRun> {
  const { startBootstrap } = await import('../../replication/index.js');
  const { formatAddress } = await import('../../model/index.js');
  const started = Date.now();
  const node = await startBootstrap({ host, port });
  const address = formatAddress(node.address);
  process.stdout.write(context.settings.json ? `${JSON.stringify({ address })}\n` : `${address}\n`);
  context.report({ kind: 'note', text: `Others join with: --bootstrap ${address}   (^C stops it)` });
  try {
    await untilStopped();
  } finally {
    await node.close();
  }
  return { address, seconds: Math.round((Date.now() - started) / 1000) };
}
