/**
 * The three that carry one file from one seeder to some clients: gtpkg, aria2c (BitTorrent), nginx with curl. Real processes on loopback.
 *
 * A round is: start the seeder, start all clients at once, wait for the last, stop all. Time runs from the start of the clients (of
 * ours: from the moment they are told what to fetch) until the file is there whole and checked.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeCalls, NodeTask } from './transfer-node.js';
import type { Tools } from './tools.js';
import { torrentOf, Tracker } from './torrent.js';

const MiB = 1024 * 1024;

export interface Round {
  /** seconds of each client */
  readonly seconds: readonly number[];
  /** bytes that left the seeder */
  readonly sent: number;
  /** bytes of memory at their most */
  readonly seederPeak: number;
  readonly clientPeak: number;
}

export interface RoundOptions {
  readonly folder: string;
  readonly file: string;
  readonly clients: number;
  /** bytes per second that the seeder sends at most, all together */
  readonly cap?: number | undefined;
}

export type Contender = (options: RoundOptions) => Promise<Round>;

/** Ours. */
export const gtpkg: Contender = async ({ folder, file, clients, cap }) => {
  const nodes: ChildProcess[] = [];
  const node = async (task: NodeTask): Promise<NodeCalls> => {
    const child = fork(fileURLToPath(new URL('transfer-node.js', import.meta.url)), [JSON.stringify(task)]);
    nodes.push(child);
    const answer = (): Promise<never> =>
      new Promise((resolve, reject) => {
        child.once('message', (message: { answer?: never; error?: string }) =>
          message.error === undefined ? resolve(message.answer as never) : reject(new Error(message.error)),
        );
        child.once('exit', (code) => reject(new Error(`a node ended with ${code}`)));
      });
    const call = (name: keyof NodeCalls, ...args: unknown[]): Promise<never> => {
      const answered = answer();
      child.send({ name, args });
      return answered;
    };
    await answer();
    return {
      put: (path) => call('put', path),
      get: (ref, topic, peer) => call('get', ref, topic, peer),
      stop: () => call('stop'),
    };
  };
  try {
    const listen = { host: '127.0.0.1', port: 0 };
    const seeder = await node({
      home: join(folder, 'seeder'),
      listen,
      ...(cap === undefined ? {} : { upRate: cap }),
    });
    const { ref, topic, peer } = await seeder.put(file);
    const getters = await Promise.all(
      Array.from({ length: clients }, (_, at) => node({ home: join(folder, `client-${at}`) })),
    );
    const seconds = await Promise.all(getters.map((getter) => getter.get(ref, topic, peer)));
    const ends = await Promise.all(getters.map((getter) => getter.stop()));
    const end = await seeder.stop();
    return {
      seconds,
      sent: end.bytesOut,
      seederPeak: end.peak,
      clientPeak: Math.max(...ends.map(({ peak }) => peak)),
    };
  } finally {
    for (const child of nodes) child.kill('SIGKILL');
  }
};

/** aria2c with a tracker of our own; every client goes on sharing until the last is done. */
export function aria2(tools: Tools): Contender {
  return async ({ folder, file, clients, cap }) => {
    const tracker = new Tracker();
    const running: ChildProcess[] = [];
    const path = join(folder, 'file.torrent');
    const hook = join(folder, 'complete.sh');
    await writeFile(hook, '#!/bin/sh\ntouch "$(dirname "$3")/../complete-$(basename "$(dirname "$3")")"\n');
    await chmod(hook, 0o755);
    await writeFile(path, await torrentOf(file, 'file', await tracker.listen()));
    const start = async (
      name: string,
      directory: string,
      more: readonly string[],
    ): Promise<[ChildProcess, number]> => {
      const port = await freePort();
      const common = [
        '--enable-dht=false',
        '--enable-dht6=false',
        '--bt-enable-lpd=false',
        '--seed-ratio=0.0',
        '--disable-ipv6=true',
        '--quiet=true',
        '--no-conf=true',
        '--file-allocation=none',
        '--bt-max-peers=0',
        `--listen-port=${port}`,
        `--dir=${directory}`,
      ];
      const child = spawn(tools.path('aria2c'), [...common, ...more, path], {
        env: tools.env,
        stdio: 'ignore',
      });
      running.push(child);
      child.on('error', (error) => process.stderr.write(`${name}: ${error.message}\n`));
      return [child, port];
    };
    try {
      const limit = cap === undefined ? [] : [`--max-overall-upload-limit=${cap}`];
      const [seeder, port] = await start('seeder', join(file, '..'), [
        '--check-integrity=true',
        '--bt-seed-unverified=true',
        ...limit,
      ]);
      await until(() => tracker.uploaded.has(port));
      const started = performance.now();
      const peaks: number[] = [];
      const seconds = await Promise.all(
        Array.from({ length: clients }, async (_, at) => {
          const directory = join(folder, `get-${at}`);
          await mkdir(directory);
          const [child] = await start(`client ${at}`, directory, [`--on-bt-download-complete=${hook}`]);
          await until(() => exists(join(folder, `complete-get-${at}`)), child);
          peaks.push(peakOf(child));
          return (performance.now() - started) / 1000;
        }),
      );
      const seederPeak = peakOf(seeder);
      const ended = new Promise((resolve) => seeder.once('exit', resolve));
      seeder.kill('SIGINT'); // it tells the tracker how much it has sent
      await ended;
      return { seconds, sent: tracker.uploaded.get(port) ?? NaN, seederPeak, clientPeak: Math.max(...peaks) };
    } finally {
      for (const child of running) child.kill('SIGKILL');
      tracker.close();
    }
  };
}

/** nginx, its cap divided among the clients, and curl. */
export function nginx(tools: Tools): Contender {
  return async ({ folder, file, clients, cap }) => {
    const port = await freePort();
    const conf = join(folder, 'nginx.conf');
    const log = join(folder, 'access.log');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const rate = cap === undefined ? '' : `limit_rate ${Math.floor(cap / clients)};`;
    await writeFile(
      conf,
      `user root; daemon off; worker_processes 1; error_log stderr crit; pid ${folder}/nginx.pid; events {}
http { log_format sent '$bytes_sent'; access_log ${log} sent; sendfile on; ${temporary.join(' ')}
server { listen 127.0.0.1:${port}; root ${join(file, '..')}; ${rate} } }\n`,
    );
    const server = spawn(tools.path('nginx'), ['-c', conf, '-p', folder], {
      env: tools.env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const running = [server];
    try {
      await until(() => exists(join(folder, 'nginx.pid')), server);
      const started = performance.now();
      let clientPeak = 0;
      const seconds = await Promise.all(
        Array.from({ length: clients }, async (_, at) => {
          const out = join(folder, `get-${at}`);
          const child = spawn(
            'curl',
            [
              '-sS',
              '--fail',
              '--retry',
              '5',
              '--retry-connrefused',
              '-o',
              out,
              `http://127.0.0.1:${port}/${file.split('/').at(-1)}`,
            ],
            { stdio: ['ignore', 'ignore', 'inherit'] },
          );
          running.push(child);
          const watch = setInterval(() => (clientPeak = Math.max(clientPeak, peakOf(child))), 50);
          const code = await new Promise((resolve) => child.once('exit', resolve));
          clearInterval(watch);
          if (code !== 0) throw new Error(`curl ended with ${String(code)}`);
          return (performance.now() - started) / 1000;
        }),
      );
      const { size } = await stat(file);
      await until(async () => (await sizes(log)).length === clients);
      const sent = (await sizes(log)).reduce((sum, each) => sum + each, 0);
      if (sent < size * clients) throw new Error('nginx has not sent everything');
      return { seconds, sent, seederPeak: peakOf(server), clientPeak };
    } finally {
      for (const child of running) child.kill('SIGTERM');
    }
  };
}

async function sizes(log: string): Promise<number[]> {
  const text = await readFile(log, 'latin1').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** The most memory that a process has had, 0 when it is gone. */
function peakOf({ pid }: ChildProcess): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(condition: () => boolean | Promise<boolean>, child?: ChildProcess): Promise<void> {
  for (const end = performance.now() + 600_000; performance.now() < end;) {
    if (await condition()) return;
    if (child !== undefined && child.exitCode !== null)
      throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('waited ten minutes in vain');
}

/** For tables. */
export function mebibytes(bytes: number): string {
  return (bytes / MiB).toFixed(0);
}
