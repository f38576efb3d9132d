/**
 * What a policy costs: judging one release by an index that delegates to so many maintainers, and the steps that it takes.
 *
 *     node dist/bench/policy.js [DELEGATIONS…]
 */
import { judge, parseAssertions, type SourceTerms } from '../trust/keynote/index.js';
import { parseFingerprint } from '../model/index.js';

const counts = process.argv.slice(2).map(Number);
const rounds = 400;
const key = (i: number): string => i.toString(16).padStart(40, 'a');
const root = parseFingerprint('B'.repeat(40));

const results = (counts.length === 0 ? [10, 100, 1000] : counts).map((delegations) => {
  const texts = Array.from(
    { length: delegations },
    (_, i) =>
      `Authorizer: "pgp:${'b'.repeat(40)}"\nLicensees: "pgp:${key(i)}"\nConditions: app_domain == "gtpkg" && action == "release" && suite == "stable"\n  && name ~= "^(package${i}|lib${i}[0-9]+)$" && date < "20990101000000" -> "install";\n`,
  );
  const assertions = texts.flatMap((text) => parseAssertions(text, 'bench').assertions);
  const terms: SourceTerms = {
    name: 'acme',
    sequence: 1,
    roots: [root],
    threshold: 1,
    delegates: true,
    delegations: assertions,
  };
  let steps = 0;
  const started = process.hrtime.bigint();
  for (let round = 0; round < rounds; round++) {
    const i = round % delegations;
    const attributes = { action: 'release', suite: 'stable', name: `package${i}`, date: '20270101000000' };
    const { value, answer } = judge([], terms, { attributes, signers: [key(i).toUpperCase()] });
    if (value !== 'install') throw new Error(`${value} where install is expected`);
    steps = answer.steps;
  }
  const microseconds = Number(process.hrtime.bigint() - started) / 1000 / rounds;
  return { delegations, microseconds: Math.round(microseconds), steps };
});

console.table(results);
console.log(JSON.stringify({ benchmark: 'policy', results }));
