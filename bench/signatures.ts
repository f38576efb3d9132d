/**
 * What it takes to check the signatures of an index update of many commits, and the update as a whole.
 *
 *     npm run build && node dist/bench/signatures.js [COMMITS] [ROUNDS]
 *
 * Three ways, turn and turn about: each signature alone, by OpenSSL and by openpgp, and the trust machine from raw bytes to a verdict
 * (ids, lineage, signatures, trees). Prints a table, then one line of JSON; the medians count. Key: Ed25519, as gtpkg makes them.
 */
import { parseCommit } from '../git/objects.js';
import { TrustedIndex } from '../index-repo/index.js';
import { parseIntroduction } from '../model/index.js';
import { isSignedBy, openpgpKey } from '../trust/openpgp.js';
import { dearmorSignature } from '../trust/armor.js';
import { readPackets } from '../trust/packets.js';
import { verifyDetached } from '../trust/index.js';
import { chainOf } from './chain.js';
import { median } from './measure.js';

const commits = Number(process.argv[2] ?? 500);
const rounds = Number(process.argv[3] ?? 5);
const now = new Date();
const { key, introduction, update } = await chainOf(commits, now);
const objects = update.commits.map((each) => {
  const { payload, signature = '' } = parseCommit(each.body);
  return { payload, signature };
});
const packet = key.signing[0];
if (packet === undefined) throw new Error('the key cannot sign');
const by = await openpgpKey(packet.packet, packet.fingerprint);

const ways: Readonly<Record<string, () => Promise<void>>> = {
  'signatures, OpenSSL': async () => {
    for (const { payload: signed, signature } of objects)
      await verifyDetached({ signed, signature, keys: [key], now });
  },
  'signatures, openpgp': async () => {
    for (const { payload: message, signature } of objects) {
      const [body] = readPackets(dearmorSignature(signature), 1);
      if (body === undefined || !(await isSignedBy(by, { body: body.body, type: 0 }, { message })))
        throw new Error('a good signature is refused');
    }
  },
  'whole update': async () => {
    const trusted = await TrustedIndex.start(parseIntroduction(introduction)).update(update);
    if (trusted.head?.sequence !== commits) throw new Error('the update was not taken');
  },
};

const seconds = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
for (let round = -1; round < rounds; round++) {
  for (const [name, run] of Object.entries(ways)) {
    const started = process.hrtime.bigint();
    await run();
    // the first round warms up
    if (round >= 0) seconds.get(name)?.push(Number(process.hrtime.bigint() - started) / 1e9);
  }
}
const results = [...seconds].map(([name, all]) => ({
  name,
  seconds: median(all),
  commitsPerSecond: commits / median(all),
}));
for (const { name, seconds: each, commitsPerSecond } of results)
  process.stdout.write(
    `${name.padEnd(22)} ${(each * 1000).toFixed(0).padStart(6)} ms ${commitsPerSecond.toFixed(0).padStart(8)} commits/s\n`,
  );
process.stdout.write(
  `${JSON.stringify({ bench: 'signatures', node: process.version, commits, rounds, results })}\n`,
);
