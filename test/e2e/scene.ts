/**
 * What the tests of bad input share: a publisher that seeds, a client that trusts it and has one package installed, and the question
 * whether anything moved when something was refused.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProgram, type Program } from '../../cli/demo/packages.js';
import { listing } from '../../fixtures/tree.js';
import { systemCode } from '../../model/index.js';
import { World, type RunOptions, type Running } from './harness.js';

/** A failure as `--json` prints it, with the exit status. */
export type Failure = Awaited<ReturnType<World['fails']>>;

/** What a refusal must be. */
export interface Refusal {
  readonly code: string | readonly string[];
  readonly status: number;
}

/** A small program that says its name. */
export function program(name: string, more: Partial<Program> = {}): Program {
  return { name, version: '1.0', summary: `the ${name}`, script: `#!/bin/sh\necho ${name}\n`, ...more };
}

async function contents(path: string): Promise<string | undefined> {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function below(path: string): Promise<string[]> {
  try {
    const found = await readdir(path, { recursive: true, withFileTypes: true });
    return found.filter((each) => !each.isDirectory()).map((each) => join(each.parentPath, each.name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

// Refs say what a repository holds; objects that nothing names are no state. Evidence against a signer may be kept.
function isState(path: string): boolean {
  if (path.endsWith('.equivocation')) return false;
  return !path.includes('.git/') || /\.git\/(HEAD|packed-refs|shallow|refs\/.*)$/.test(path);
}

/** Sources that a home trusts, indexes and packages that it keeps, keys: every file that means something, with its digest. */
export async function homeState(home: string): Promise<string[]> {
  const files = (
    await Promise.all(
      ['sources', 'indexes', 'packages', 'keys', 'tmp'].map((name) => below(join(home, name))),
    )
  ).flat();
  const lines = files.filter(isState).map(async (path) => `${path}: ${await contents(path)}`);
  return (await Promise.all(lines)).sort();
}

/** Every path of a root, gtpkg's own records included, but for its lock. */
export async function rootState(root: string): Promise<string[]> {
  const isLock = (path: string): boolean => path.startsWith('/var/lib/gtpkg/lock');
  try {
    return [...(await listing(root, isLock))].map(([path, what]) => `${path}: ${what}`).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Two states are the same; a failure shows what differs and nothing else. */
export function unmoved(after: readonly string[], before: readonly string[]): void {
  const now = new Set(after);
  const then = new Set(before);
  const gone = before.filter((line) => !now.has(line)).map((line) => `- ${line}`);
  const come = after.filter((line) => !then.has(line)).map((line) => `+ ${line}`);
  assert.deepEqual([...gone, ...come], [], 'a refused command changed something');
}

/** A command that must fail, with a sentence and a next step. */
export async function refuses(
  world: World,
  args: readonly string[],
  options: RunOptions,
  { code, status }: Refusal,
): Promise<Failure> {
  const error = await world.fails(args, options);
  const told = `gtpkg ${args.join(' ')}: ${JSON.stringify(error)}`;
  assert.ok([code].flat().includes(error.code), told);
  assert.equal(error.status, status, told);
  assert.ok(error.message.length > 10, told);
  assert.ok((error.hint ?? '').length > 10, `no next step is named by ${told}`);
  return error;
}

/** Publisher `publisher` with the index `acme`, seeding; client `client`, which trusts it, with `hello` installed in `root`. */
export class Scene {
  readonly publisher = { home: 'publisher' };
  readonly client = { home: 'client' };

  private constructor(
    readonly world: World,
    readonly key: string,
    readonly introduction: string,
    public seeder: Running,
  ) {}

  static async make(programs: readonly Program[] = []): Promise<Scene> {
    const world = await World.make();
    try {
      await world.startDht();
      const home = 'publisher';
      const mail = ['--name', 'Pub', '--email', 'pub@example.org'];
      const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], {
        home,
      });
      const made = await world.json<{ introduction: string }>(
        ['index', 'create', 'acme', '--key', fingerprint],
        {
          home,
        },
      );
      const scene = new Scene(world, fingerprint, made.introduction, await world.start(['seed'], { home }));
      await scene.publish(program('hello'), ...programs);
      await world.json(['source', 'add', made.introduction], scene.client);
      await scene.install('hello');
      return scene;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  get root(): string {
    return this.world.path('root');
  }

  end(): Promise<void> {
    return this.world.end();
  }

  async publish(...programs: readonly Program[]): Promise<void> {
    const paths = await Promise.all(programs.map((each) => writeProgram(this.world.path('work'), each)));
    await this.world.json(['publish', ...paths, '--index', 'acme', '--compression', '1'], this.publisher);
  }

  async install(...names: readonly string[]): Promise<void> {
    await this.world.json(['install', ...names, '--root', this.root], this.client);
  }

  /** Does something while the publisher's seeder is gone. */
  async unseeded(work: () => Promise<void>): Promise<void> {
    await this.world.stop(this.seeder, 'SIGKILL');
    try {
      await work();
    } finally {
      this.seeder = await this.world.start(['seed'], this.publisher);
    }
  }

  /** What the client trusts and has. */
  async clientState(): Promise<string[]> {
    return [...(await homeState(this.world.path('client'))), ...(await rootState(this.root))];
  }

  /** What the client says that it has installed: name and version. */
  async installed(): Promise<string[]> {
    const { packages } = await this.world.json<{ packages: { name: string; version: string }[] }>(
      ['list', '--root', this.root],
      this.client,
    );
    return packages.map(({ name, version }) => `${name} ${version}`);
  }

  /** The client runs a command that must be refused, and nothing of the client moves. */
  async refused(args: readonly string[], refusal: Refusal, more: Partial<RunOptions> = {}): Promise<Failure> {
    const before = await this.clientState();
    const error = await refuses(
      this.world,
      [...args, '--root', this.root],
      { ...this.client, ...more },
      refusal,
    );
    unmoved(await this.clientState(), before);
    return error;
  }
}
