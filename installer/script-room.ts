/**
 * Where scripts of another root than `/` run: in it, with a /proc and a /dev that are theirs and that nobody else sees.
 *
 * A process of ours holds a mount namespace open; scripts enter it and change their root. It ends with its stdin, so when we are killed the
 * mounts are gone. Where namespaces are not to be had, scripts run in the bare root.
 */
import { spawn, type ChildProcess } from 'node:child_process';

// $1: the root. Links are not followed: they may lead anywhere. What the root has mounted already is left alone.
const FURNISH = `
r=\${1%/}
ours() { [ -d "$r/$1" ] && [ ! -L "$r/$1" ]; }
if ours proc && [ ! -e "$r/proc/self" ]; then mount -t proc -o nosuid,nodev,noexec proc "$r/proc"; fi
if ours dev && [ ! -c "$r/dev/null" ]; then
  mount -t tmpfs -o mode=755,size=1m,nosuid tmpfs "$r/dev" &&
  for n in null zero full random urandom tty; do
    : > "$r/dev/$n" && mount --bind "/dev/$n" "$r/dev/$n"
  done
  ln -s /proc/self/fd "$r/dev/fd"; ln -s fd/0 "$r/dev/stdin"; ln -s fd/1 "$r/dev/stdout"; ln -s fd/2 "$r/dev/stderr"
  mkdir -m 1777 "$r/dev/shm"; mkdir "$r/dev/pts"
fi
echo ready
exec cat
`;
/** How long mounting may take, milliseconds. */
const READY_WITHIN = 10_000;

/** The program and the arguments that come before a command that is to run in the root. */
export type Entrance = readonly [string, ...string[]];

/** A furnished root. Close it. */
export class ScriptRoom {
  readonly entrance: Entrance;
  readonly #holder: ChildProcess | undefined;

  private constructor(entrance: Entrance, holder?: ChildProcess) {
    this.entrance = entrance;
    this.#holder = holder;
  }

  /** @param root - absolute path; not `/` */
  static async open(root: string): Promise<ScriptRoom> {
    const holder = spawn(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', FURNISH, 'gtpkg', root],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
        detached: true,
      },
    );
    const ready = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), READY_WITHIN);
      const settle = (answer: boolean): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      holder.on('error', () => settle(false));
      holder.on('exit', () => settle(false));
      holder.stdin?.on('error', () => undefined);
      holder.stdout?.on('data', () => settle(true));
    });
    if (!ready) {
      holder.kill('SIGKILL');
      return new ScriptRoom(['chroot', root]);
    }
    return new ScriptRoom(['nsenter', `--mount=/proc/${holder.pid ?? 0}/ns/mnt`, 'chroot', root], holder);
  }

  async close(): Promise<void> {
    const holder = this.#holder;
    if (holder === undefined || holder.exitCode !== null || holder.signalCode !== null) return;
    const over = new Promise((resolve) => holder.on('exit', resolve));
    holder.stdin?.end();
    await over;
  }
}
