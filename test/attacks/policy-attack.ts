/**
 * Attacks by policy: an index whose policy files somebody wrote with ill intent, or without care, and the two who must not fall for them: the client
 * that is to install by them, and the publisher who is to sign them.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { explainTrust } from '../../cli/workflows/trust-explain.js';
import { addPolicy } from '../../cli/workflows/index-policy.js';
import type { GtpkgError } from '../../model/index.js';
import type { Signer } from '../../trust/index.js';
import { parseAssertions, principalOf, signAssertion, toBytes } from '../../trust/keynote/index.js';
import { craft, type Crafted } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import type { IndexAttack } from './index-attack.js';
import type { Scene } from './scene.js';

/** Until when the honest ones hold. */
export const UNTIL = 'date < "20990101000000"';
/** What every clause begins with. */
export const DOMAIN = 'app_domain == "gtpkg"';

/** A key as a principal, in quotes. */
export const who = ({ fingerprint }: Pick<Signer, 'fingerprint'>): string => `"${principalOf(fingerprint)}"`;

/** An assertion by a key, signed. */
export async function by(signer: Signer, rest: string): Promise<string> {
  const { assertions, problems } = parseAssertions(
    toBytes(`Authorizer: ${who(signer)}\n${rest}\n`),
    'attack',
  );
  assert.deepEqual(problems, []);
  assert.ok(assertions[0] !== undefined);
  return signAssertion(assertions[0], signer);
}

/** A distribution by Ada that lists `hello` by Mallory, whom its honest policy does not name, and `good` by Bob, whom it does. */
export class PolicyAttack {
  private constructor(
    readonly scene: Scene,
    readonly index: IndexAttack,
    readonly honest: string,
  ) {}

  static async make(scene: Scene): Promise<PolicyAttack> {
    const index = await scene.index();
    const [evil, good] = await programs(scene);
    await index.lists(evil, good);
    const honest = await by(scene.ada, `Licensees: ${who(scene.bob)}\nConditions: ${DOMAIN} && ${UNTIL};`);
    const attack = new PolicyAttack(scene, index, honest);
    await attack.publish([]);
    assert.equal(await attack.value('good'), 'auto');
    assert.equal(await attack.value('hello'), 'refuse');
    return attack;
  }

  /** Adds assertions to the index, whatever they are; the client takes that state over, for it is properly signed. */
  async publish(assertions: readonly string[]): Promise<void> {
    const { ada, bob, carol, mallory } = this.scene;
    await this.index.commit({
      files: { 'policy/all.kn': Buffer.from([this.honest, ...assertions].join('\n'), 'latin1') },
      keys: [ada, bob, carol, mallory].map(({ publicKey }) => publicKey),
    });
    await this.index.accepted();
  }

  /** What becomes of a listed release. */
  async value(name: string): Promise<string | undefined> {
    const { releases } = await this.scene.with('client', (context) =>
      explainTrust(context, `${name}@${this.index.source}`),
    );
    return releases[0]?.value;
  }

  /** What Mallory released is not installed; what Bob did still may be. */
  async refuses(): Promise<GtpkgError> {
    const error = await this.scene.refuses(
      () => this.scene.install(`hello@${this.index.source}`),
      'POLICY_REFUSED',
    );
    assert.equal(await this.value('good'), 'auto');
    return error;
  }
}

let made: Promise<[Crafted, Crafted]> | undefined;
function programs(scene: Scene): Promise<[Crafted, Crafted]> {
  made ??= Promise.all([
    craft(scene.path('scratch'), program('hello'), scene.mallory),
    craft(scene.path('scratch'), program('good'), scene.bob),
  ]);
  return made;
}

/** A publisher is handed a policy file to sign; nothing is signed. */
export async function refusesToSign(scene: Scene, text: string, rule: string): Promise<void> {
  const file = scene.path(`${scene.fresh('policy')}.kn`);
  await writeFile(file, text);
  const options = { index: 'acme', file, passphraseFile: undefined, force: true, dryRun: false };
  const error = await scene.refuses(
    () => scene.with('publisher', (context) => addPolicy(context, options)),
    'POLICY_UNSAFE',
    'publisher',
  );
  const findings = error.data['findings'] as { rule: string }[];
  assert.ok(
    findings.some((each) => each.rule === rule),
    JSON.stringify(findings),
  );
}
