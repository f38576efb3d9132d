/**
 * The classic side: a signed apt repository of one index on loopback (nginx), in variants that can be put in place of each other, and an apt with
 * a root of its own that follows it. Without pdiffs, as the figures of the specification were taken. Nothing of the machine's apt is touched.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './debs.js';
import type { Bench, Program } from './processes.js';
import { tools } from './tools.js';

const run = promisify(execFile);

/** A repository that is served, and an apt for it. */
export class AptMirror {
  readonly #folder: string;
  readonly #variants: readonly string[];
  /** where nginx listens */
  readonly port: number;

  private constructor(folder: string, variants: readonly string[], port: number) {
    this.#folder = folder;
    this.#variants = variants;
    this.port = port;
  }

  /** @param variants - contents of Packages */
  static async open(bench: Bench, variants: readonly string[]): Promise<AptMirror> {
    const made: string[] = [];
    for (const text of variants) {
      const id = createHash('sha256').update(text).digest('hex').slice(0, 16);
      made.push(
        await cached(['apt-packages', id], async (draft) => {
          await writeFile(join(draft, 'Packages'), text);
          await run('xz', ['-6', '-k', join(draft, 'Packages')]);
        }),
      );
    }
    const folder = bench.path('apt');
    const etc = ['etc', 'lists/partial', 'cache/archives/partial', 'www/dists/bench/main/binary-amd64'];
    for (const part of etc) await mkdir(join(folder, part), { recursive: true });
    const nginx = await tools(['nginx']);
    const mirror = new AptMirror(folder, made, await freePort());
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    await writeFile(
      join(folder, 'nginx.conf'),
      `user root; daemon off; worker_processes 1; error_log stderr crit; pid ${folder}/nginx.pid; events {}
http { access_log off; sendfile on; ${temporary.join(' ')}
server { listen 127.0.0.1:${mirror.port}; root ${folder}/www; } }\n`,
    );
    await mirror.#sign();
    await bench.start(
      { file: nginx.path('nginx'), args: ['-c', join(folder, 'nginx.conf'), '-p', folder], env: nginx.env },
      { line: false },
    );
    while (!(await stat(join(folder, 'nginx.pid')).catch(() => undefined)))
      await new Promise((resolve) => setTimeout(resolve, 10));
    return mirror;
  }

  #gpg(...args: string[]): Promise<unknown> {
    const home = join(this.#folder, 'gnupg');
    return run('gpg', ['--homedir', home, '--batch', '--yes', '--pinentry-mode', 'loopback', ...args]);
  }

  async #sign(): Promise<void> {
    await mkdir(join(this.#folder, 'gnupg'), { mode: 0o700 });
    await this.#gpg('--passphrase', '', '--quick-generate-key', 'Bench <bench@example.org>', 'ed25519');
    await this.#gpg('--output', join(this.#folder, 'key.gpg'), '--export');
  }

  /** Serves this variant from now on. */
  async serve(variant: number): Promise<void> {
    const www = join(this.#folder, 'www/dists/bench');
    const from = this.#variants[variant] ?? '';
    await copyFile(join(from, 'Packages.xz'), join(www, 'main/binary-amd64/Packages.xz'));
    const lines: string[] = [];
    for (const name of ['Packages', 'Packages.xz']) {
      const bytes = await readFile(join(from, name));
      const digest = createHash('sha256').update(bytes).digest('hex');
      lines.push(` ${digest} ${bytes.length} main/binary-amd64/${name}`);
    }
    const release = join(this.#folder, 'Release');
    const date = new Date().toUTCString().replace('GMT', 'UTC');
    await writeFile(
      release,
      `Origin: bench\nSuite: bench\nCodename: bench\nDate: ${date}\nArchitectures: amd64\nComponents: main\nSHA256:\n${lines.join('\n')}\n`,
    );
    await this.#gpg('--passphrase', '', '--output', join(www, 'InRelease'), '--clearsign', release);
  }

  /** `apt-get update`, `apt-cache …`. @param port - of the server, or of a relay before it */
  async program(tool: 'apt-get' | 'apt-cache', args: readonly string[], port = this.port): Promise<Program> {
    const source = `deb [signed-by=${this.#folder}/key.gpg arch=amd64] http://127.0.0.1:${port}/ bench main\n`;
    await writeFile(join(this.#folder, 'etc/sources.list'), source);
    await writeFile(join(this.#folder, 'status'), '');
    const options = {
      'Dir::State': this.#folder,
      'Dir::State::lists': join(this.#folder, 'lists'),
      'Dir::State::status': join(this.#folder, 'status'),
      'Dir::Cache': join(this.#folder, 'cache'),
      'Dir::Etc::sourcelist': join(this.#folder, 'etc/sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::Etc::trustedparts': '-',
      'APT::Sandbox::User': 'root',
      'APT::Architecture': 'amd64',
      'APT::Architectures': 'amd64',
      'Acquire::Languages': 'none',
      'Debug::NoLocking': '1',
      // as Debian has it; images for containers keep the lists compressed
      'Acquire::GzipIndexes': 'false',
    };
    return {
      file: tool,
      args: [...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...args],
      env: { http_proxy: '' },
    };
  }

  /** Stops what gpg left running. */
  async close(): Promise<void> {
    await run('gpgconf', ['--homedir', join(this.#folder, 'gnupg'), '--kill', 'all']).catch(() => undefined);
    await rm(join(this.#folder, 'gnupg'), { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
