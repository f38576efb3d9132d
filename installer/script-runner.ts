/**
 * Runs one maintainer script after the other: in the root, without our environment, with nothing to read, its output in the root's log,
 * within a time. Says what became of it; what that means is unwind.ts's and scripted.ts's affair.
 *
 * A script and all that it started bears a mark in its environment, so that those which outlive a time-out, or us, are found and ended:
 * no script of a transaction runs while another process takes that transaction back.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinPath } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { MAX_SCRIPT_LOG, MAX_SCRIPT_TIME } from '../model/limits.js';
import type { Disk } from './disk.js';
import type { ScriptCall } from './script-acts.js';
import { isThere } from './has-shell.js';
import { endProcess, markedProcesses } from './script-processes.js';
import { ScriptRoom, type Entrance } from './script-room.js';
import type { StatePaths } from './state.js';
import { readStatus } from './status.js';

/** How the scripts of a transaction run. Plain data: the journal keeps it for whoever has to unwind. */
export interface ScriptPolicy {
  /** `inside`: in the root, changed into if it is not `/`, as root. `outside`: by us, with `DPKG_ROOT`, as dpkg's `script-chrootless` */
  readonly how: 'inside' | 'outside';
  /** milliseconds for each; default limits.MAX_SCRIPT_TIME */
  readonly timeout?: number;
  /** `DEBIAN_FRONTEND`; default `noninteractive` */
  readonly frontend?: string;
}

/** What the runner needs to know of a transaction. */
export interface RunnerContext {
  readonly disk: Disk;
  readonly state: StatePaths;
  /** number of the transaction: names the log */
  readonly id: number;
  /** of this transaction and of no other */
  readonly mark: string;
  readonly policy: ScriptPolicy;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** The oldest dpkg whose scripts' environment this is. */
const DPKG_VERSION = '1.21.0';
/** How often a running script's time and output are looked at, milliseconds. */
const LOOK_EVERY = 200;
/** Of a script's output, in an error: the last lines. */
const TAIL = 2048;

export class ScriptRunner {
  readonly #context: RunnerContext;
  #room: ScriptRoom | undefined;
  #dpkg: string | undefined;
  #count = 0;

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  /** The log, below the root. */
  get log(): string {
    return joinPath(this.#context.state.log, String(this.#context.id).padStart(4, '0'));
  }

  /** Scripts that were started. */
  get count(): number {
    return this.#count;
  }

  /**
   * Whether the script's interpreter is in the root: while a root is made from nothing, it comes with the packages.
   * @throws the system's errors
   */
  canRun(call: ScriptCall): boolean {
    const { disk, policy } = this.#context;
    const head = disk.read(call.file).subarray(0, 256).toString('latin1');
    // a program needs a linker, and where that is, there is a shell
    const interpreter = /^#!\s*\/(\S+)/.exec(head)?.[1] ?? 'bin/sh';
    if (policy.how === 'outside') return fs.existsSync(`/${interpreter}`);
    return isThere(disk, interpreter);
  }

  /** Runs it to its end. @throws GtpkgError SCRIPT_FAILED; the system's errors */
  async run(call: ScriptCall): Promise<void> {
    const { policy } = this.#context;
    const limit = policy.timeout ?? MAX_SCRIPT_TIME;
    const log = this.#openLog();
    const start = fs.fstatSync(log).size;
    try {
      say(log, describe(call));
      const entrance = await this.#entrance();
      const why = await this.#execute(call, { entrance, log, limit });
      if (why !== undefined) {
        say(log, `${describe(call)}: ${why}`);
        throw failed(call, why, { log: `/${this.log}`, tail: this.#tail(start) });
      }
    } finally {
      fs.closeSync(log);
    }
  }

  /** Adds a line to the log. */
  note(text: string): void {
    const log = this.#openLog();
    try {
      say(log, text);
    } finally {
      fs.closeSync(log);
    }
  }

  async close(): Promise<void> {
    await this.#room?.close();
    this.#room = undefined;
  }

  /**
   * Ends whatever scripts of this transaction still run; a service that one of them started is among that.
   * @param mark - of one script, to end only what that one started
   * @returns how many processes were ended
   */
  async killLeftovers(mark = `${this.#context.mark}.`): Promise<number> {
    let killed = 0;
    // who is ended may have started others meanwhile
    for (let round = 0; round < 10; round++) {
      const found = markedProcesses(`GTPKG_TRANSACTION=${mark}`);
      if (found.length === 0) break;
      for (const pid of found) if (endProcess(pid)) killed++;
      await sleep(20);
    }
    return killed;
  }

  async #entrance(): Promise<Entrance | undefined> {
    const { disk, policy } = this.#context;
    if (policy.how === 'outside' || disk.root === '/') return undefined;
    this.#room ??= await ScriptRoom.open(disk.root);
    return this.#room.entrance;
  }

  async #execute(
    call: ScriptCall,
    { entrance, log, limit }: { entrance: Entrance | undefined; log: number; limit: number },
  ): Promise<string | undefined> {
    const { disk } = this.#context;
    const file = entrance === undefined ? disk.at(call.file).toString('utf8') : `/${call.file}`;
    const [program, ...first] = [...(entrance ?? []), file, ...call.args] as [string, ...string[]];
    this.#count++;
    const child = spawn(program, first, {
      cwd: '/',
      env: this.#environment(call),
      stdio: ['ignore', log, log],
      detached: true,
    });
    let why: string | undefined;
    let look: NodeJS.Timeout | undefined;
    const started = process.hrtime.bigint();
    const end = (reason: string): void => {
      why ??= reason;
      if (child.pid !== undefined) endProcess(-child.pid);
    };
    try {
      const result = await new Promise<string | undefined>((resolve) => {
        look = setInterval(() => {
          if (Number((process.hrtime.bigint() - started) / 1_000_000n) > limit)
            end(`it did not end within ${limit / 1000} s`);
          else if (fs.fstatSync(log).size > MAX_SCRIPT_LOG)
            end(`it printed more than ${MAX_SCRIPT_LOG} bytes`);
        }, LOOK_EVERY);
        child.on('error', (error) => resolve(`it cannot be run: ${error.message}`));
        child.on('exit', (code, signal) => {
          if (signal !== null) resolve(`it was ended by ${signal}`);
          else resolve(code === 0 ? undefined : `it returned ${code ?? '?'}`);
        });
      });
      why ??= result;
    } finally {
      clearInterval(look);
    }
    if (why !== undefined) await this.killLeftovers(this.#mark());
    return why;
  }

  #environment(call: ScriptCall): NodeJS.ProcessEnv {
    const { disk, policy } = this.#context;
    this.#dpkg ??=
      readStatus(disk.root)
        .get('dpkg')
        ?.version.replace(/-[^-]*$/, '') ?? DPKG_VERSION;
    const root = policy.how === 'outside' ? disk.root : '';
    return {
      PATH,
      HOME: policy.how === 'outside' ? (process.env['HOME'] ?? '/') : '/root',
      LC_ALL: 'C.UTF-8',
      TERM: 'dumb',
      DEBIAN_FRONTEND: policy.frontend ?? 'noninteractive',
      DEBCONF_NONINTERACTIVE_SEEN: 'true',
      DPKG_MAINTSCRIPT_PACKAGE: call.package,
      DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT: '1',
      DPKG_MAINTSCRIPT_ARCH: call.architecture,
      DPKG_MAINTSCRIPT_NAME: call.script,
      DPKG_MAINTSCRIPT_DEBUG: '0',
      DPKG_ROOT: root,
      DPKG_ADMINDIR: `${root}/var/lib/dpkg`,
      DPKG_RUNNING_VERSION: this.#dpkg,
      GTPKG_TRANSACTION: this.#mark(),
    };
  }

  // No mark is the beginning of another one.
  #mark(): string {
    return `${this.#context.mark}.${this.#count}.`;
  }

  // A disk that takes no log must not keep a script from being called, least of all one that takes back.
  #openLog(): number {
    const { disk, state } = this.#context;
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = fs.constants;
    try {
      if (!disk.exists(state.log)) {
        disk.mkdir(state.log, 0o755);
        disk.setAttributes(state.log, { mode: 0o755, ...disk.self });
      }
      return fs.openSync(disk.at(this.log), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o640);
    } catch (error) {
      if (!isOut(error)) throw error;
      return fs.openSync('/dev/null', O_WRONLY);
    }
  }

  #tail(start: number): string {
    const { disk } = this.#context;
    if (!disk.exists(this.log)) return '';
    const fd = fs.openSync(disk.at(this.log), 'r');
    try {
      const { size } = fs.fstatSync(fd);
      const from = Math.max(start, size - TAIL);
      const bytes = Buffer.alloc(size - from);
      return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, from)).toString('utf8');
    } finally {
      fs.closeSync(fd);
    }
  }
}

function isOut(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(systemCode(error) ?? '');
}

function say(log: number, text: string): void {
  try {
    fs.writeSync(log, `==> ${text}\n`);
  } catch (error) {
    if (!isOut(error)) throw error;
  }
}

/** For people and logs: `postinst of hello, called as "configure 1.0"`. */
export function describe({ package: name, script, args }: ScriptCall): string {
  const quoted = args.map((arg) => (/^[\w.+:~%/-]+$/.test(arg) ? arg : JSON.stringify(arg)));
  return `${script} ${quoted.join(' ')} of ${name}`;
}

function failed(call: ScriptCall, why: string, { log, tail }: { log: string; tail: string }): GtpkgError {
  return new GtpkgError('SCRIPT_FAILED', `the ${call.script} of ${call.package} failed: ${why}`, {
    hint: `What it printed is in ${log} of the root. Put right what it complains about, or install with --no-scripts.`,
    data: { package: call.package, script: call.script, args: call.args, reason: why, log, output: tail },
  });
}
