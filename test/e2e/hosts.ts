/**
 * Hosts of a test's own: network namespaces on one switch, or on none. Each ends with the process that holds it, so nothing is left
 * when a test is killed; nothing of the machine's own network is touched or can be reached.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Why there can be no hosts here, or false. */
export function noHosts(): string | false {
  if (spawnSync('ip', ['-V'], { stdio: 'ignore' }).error !== undefined) return 'iproute2 is not here';
  if (spawnSync('nsenter', ['--version'], { stdio: 'ignore' }).error !== undefined)
    return 'nsenter is not here';
  const script =
    'ip link set lo up && ip link add name br0 type bridge && ip link add name va type veth peer name vb && ip link set va master br0';
  const { status, error } = spawnSync('unshare', ['-n', 'sh', '-ec', script], { stdio: 'ignore' });
  if (error !== undefined) return 'unshare is not here';
  return status === 0 ? false : 'this user may not make network namespaces with a bridge';
}

class Namespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async make(): Promise<Namespace> {
    // cat ends when its standard input does: when this process closes it, or dies
    const script = 'ip link set lo up; echo ready; exec cat';
    const holder = spawn('unshare', ['-n', 'sh', '-ec', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [first] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])) as [unknown];
    if (!String(first as Buffer).startsWith('ready')) throw new Error('no network namespace can be made');
    return new Namespace(holder);
  }

  get pid(): string {
    return String(this.#holder.pid);
  }

  /** Words before a command that is to run here. */
  get through(): readonly string[] {
    return ['nsenter', '-t', this.pid, '-n', '--'];
  }

  ip(...args: readonly string[]): void {
    const [file = '', ...words] = [...this.through, 'ip', ...args];
    const { status, stderr } = spawnSync(file, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  }

  async end(): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    this.#holder.stdin?.end();
    await once(this.#holder, 'exit');
  }
}

/** One machine: commands run on it with `through` before them. */
export interface Host {
  readonly address: string;
  readonly through: readonly string[];
  /** Pulls the network cable out, or puts it in again. */
  plug(inside: boolean): void;
}

/** Some hosts and their switch. */
export class Hosts {
  readonly #spaces: Namespace[] = [];
  #next = 1;

  private constructor() {}

  static async make(): Promise<Hosts> {
    const hosts = new Hosts();
    hosts.#spaces.push(await Namespace.make());
    hosts.#switch.ip('link', 'add', 'switch', 'type', 'bridge');
    hosts.#switch.ip('link', 'set', 'switch', 'up');
    return hosts;
  }

  get #switch(): Namespace {
    const [first] = this.#spaces;
    if (first === undefined) throw new Error('no switch');
    return first;
  }

  /** A machine with one address in 10.77.0.0/24, and no way out of that network. */
  async host(): Promise<Host> {
    const space = await Namespace.make();
    this.#spaces.push(space);
    const number = this.#next++;
    const [port, address] = [`port${number}`, `10.77.0.${number}`];
    this.#switch.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space.pid);
    this.#switch.ip('link', 'set', port, 'master', 'switch', 'up');
    space.ip('addr', 'add', `${address}/24`, 'dev', 'eth0');
    space.ip('link', 'set', 'eth0', 'up');
    const plug = (inside: boolean): void => this.#switch.ip('link', 'set', port, inside ? 'up' : 'down');
    return { address, through: space.through, plug };
  }

  /** A machine with nothing but loopback. */
  async lonely(): Promise<Host> {
    const space = await Namespace.make();
    this.#spaces.push(space);
    return { address: '127.0.0.1', through: space.through, plug: () => undefined };
  }

  async end(): Promise<void> {
    for (const space of this.#spaces.splice(0).reverse()) await space.end();
  }
}
