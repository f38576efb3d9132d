/**
 * File systems of a test's own, full or read-only, in a mount namespace that ends with the process that holds it: permission bits do not
 * stop root, and nothing may be left mounted when a test is killed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Why there can be no mounts here, or false. */
export function noMounts(): string | false {
  const script = 'd=$(mktemp -d) && mount -t tmpfs -o size=64k none "$d" && umount "$d"; rmdir "$d"';
  const { status, error } = spawnSync('unshare', ['-m', 'sh', '-c', script], { stdio: 'ignore' });
  if (error !== undefined || spawnSync('nsenter', ['--version'], { stdio: 'ignore' }).error !== undefined)
    return 'unshare or nsenter is not here';
  return status === 0 ? false : 'this user may not mount';
}

/** A namespace, and the way into it. */
export class Mounts {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** Runs `script` (sh, with these arguments) in a new namespace and keeps that. */
  static async make(script: string, args: readonly string[]): Promise<Mounts> {
    // cat ends when its standard input does: when this process closes it, or dies
    const words = [
      '-m',
      '--propagation',
      'private',
      'sh',
      '-ec',
      `${script}\necho ready\nexec cat`,
      'sh',
      ...args,
    ];
    const holder = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [first] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])) as [unknown];
    if (!String(first as Buffer).startsWith('ready')) throw new Error(`the mounts cannot be made: ${script}`);
    return new Mounts(holder);
  }

  /** Words before a command that is to see the mounts. */
  get through(): readonly string[] {
    return ['nsenter', '-t', String(this.#holder.pid), '-m', '--'];
  }

  /** Where a path of the namespace is to be seen from outside. */
  seen(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  /** Runs `script` (sh, with these arguments) inside. */
  sh(script: string, args: readonly string[]): void {
    const [file = '', ...words] = [...this.through, 'sh', '-ec', script, 'sh', ...args];
    const { status, stderr } = spawnSync(file, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
  }

  async end(): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    this.#holder.stdin?.end();
    await once(this.#holder, 'exit');
  }
}
