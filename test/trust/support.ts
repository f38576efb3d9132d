/**
 * What the tests of the trust room share: a temporary folder, gpg in a home of its own, and the shape of a refusal.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GtpkgError, type ErrorCode } from '../../model/index.js';

/** The reason to skip a test that needs gpg, or false. */
export const noGpg = missing('gpg', 'gpgconf');
/** The reason to skip a test that needs git and gpg, or false. */
export const noGit = noGpg || missing('git');

function missing(...tools: string[]): string | false {
  for (const tool of tools) {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' });
    } catch {
      return `${tool} is not here`;
    }
  }
  return false;
}

/** An empty folder, 0700; `remove` it at the end. */
export function temporary(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'gtpkg-trust-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Asserts that `run` is refused with `code`; gives the error. */
export async function refused(
  code: ErrorCode | readonly ErrorCode[],
  run: () => Promise<unknown>,
): Promise<GtpkgError> {
  let error: unknown;
  try {
    const value = await run();
    assert.fail(`accepted, ${String(code)} expected: ${JSON.stringify(value)}`);
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof GtpkgError)) throw error;
  assert.ok(
    [code].flat().includes(error.code),
    `${error.code} (${error.message}) where ${String(code)} is expected`,
  );
  return error;
}

/** What a gpg run gave. */
export interface GpgResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The real gpg with a home folder of its own. Close it: that ends its agent and removes the folder. */
export class Gpg {
  readonly home: string;
  readonly #remove: () => void;

  constructor() {
    const { path, remove } = temporary();
    chmodSync(path, 0o700);
    this.home = path;
    this.#remove = remove;
  }

  /** Runs gpg in batch mode; never throws for its exit status. */
  try(args: readonly string[], input?: string | Uint8Array): Promise<GpgResult> {
    const all = ['--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback', ...args];
    const env = { PATH: process.env['PATH'], HOME: this.home, GNUPGHOME: this.home, LC_ALL: 'C' };
    return new Promise((resolve, reject) => {
      const child = execFile(
        'gpg',
        all,
        { encoding: 'buffer', env, maxBuffer: 1 << 24 },
        (error, stdout, stderr) => {
          if (error !== null && typeof error.code !== 'number') reject(error);
          else resolve({ code: Number(error?.code ?? 0), stdout, stderr: stderr.toString() });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input ?? '');
    });
  }

  /** Runs gpg and expects success; gives what it printed. */
  async run(args: readonly string[], input?: string | Uint8Array): Promise<Buffer> {
    const { code, stdout, stderr } = await this.try(args, input);
    assert.equal(code, 0, `gpg ${args.join(' ')}\n${stderr}`);
    return stdout;
  }

  /** Makes a key; gives its fingerprint. `extra` goes before the command, as `--faked-system-time`. */
  async generate(options: {
    user: string;
    algorithm: string;
    passphrase?: string;
    expire?: string;
    extra?: string[];
  }): Promise<string> {
    const { user, algorithm, passphrase = '', expire = 'never', extra = [] } = options;
    await this.run([
      ...extra,
      '--passphrase',
      passphrase,
      '--quick-gen-key',
      user,
      algorithm,
      'cert,sign',
      expire,
    ]);
    return this.fingerprint(user);
  }

  /** The primary fingerprint of the one key that fits `user`. */
  async fingerprint(user: string): Promise<string> {
    const text = (await this.run(['--with-colons', '--list-keys', user])).toString();
    return /^fpr:+([0-9A-F]{40}):/m.exec(text)?.[1] ?? assert.fail('no fingerprint');
  }

  async publicKey(fingerprint: string): Promise<string> {
    return (await this.run(['--armor', '--export', fingerprint])).toString();
  }

  async secretKey(fingerprint: string, passphrase = ''): Promise<string> {
    return (
      await this.run(['--passphrase', passphrase, '--armor', '--export-secret-keys', fingerprint])
    ).toString();
  }

  /** One armoured detached signature. */
  async sign(fingerprint: string, bytes: Uint8Array, extra: readonly string[] = []): Promise<string> {
    const args = ['--passphrase', '', ...extra, '--local-user', fingerprint, '--armor', '--detach-sign'];
    return (await this.run(args, bytes)).toString();
  }

  async close(): Promise<void> {
    const options = { env: { PATH: process.env['PATH'], HOME: this.home, GNUPGHOME: this.home } };
    await new Promise<void>((resolve) => {
      execFile('gpgconf', ['--homedir', this.home, '--kill', 'all'], options, () => resolve());
    });
    // The agent takes its sockets away while it dies; Node's rmSync then may stop half way without a word.
    for (let tries = 0; existsSync(this.home) && tries < 100; tries++) {
      this.#remove();
      await new Promise<void>((resolve) => setTimeout(resolve, tries === 0 ? 0 : 50));
    }
  }
}
