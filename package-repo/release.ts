/**
 * A release as git objects: the root tree and what stands beside `data/`, built and read back.
 *
 * Reading builds everything again from what was read; equal ids then mean that there is no other spelling of this release.
 */
import { hashBlob, hashObject, parseTree, type GitObject } from '../git/index.js';
import {
  GtpkgError,
  limits,
  parseControl,
  parseManifest,
  type Control,
  type Manifest,
  type Oid,
  type ScriptName,
  type Sha256,
} from '../model/index.js';
import { checkConffiles, isScriptName, parseConffile } from './input.js';
import { buildTree, isInTree, type BlobIds, type Node } from './trees.js';

/** The files of a release beside its payload. */
export interface ReleaseFiles {
  readonly control: Buffer;
  readonly manifest: Buffer;
  readonly conffiles?: Buffer;
  readonly scripts: ReadonlyMap<ScriptName, Buffer>;
}

/** A root tree. */
export interface BuiltRoot extends BlobIds {
  /** the root tree first, then all below it but `data/`, in pack order */
  readonly objects: readonly GitObject[];
}

const EXECUTABLE: ReadonlySet<string> = new Set(['preinst', 'postinst', 'prerm', 'postrm', 'config']);

/** The root tree around a `data/` tree that is known by its ids only. */
export function buildRoot(files: ReleaseFiles, data: BlobIds | undefined): BuiltRoot {
  const objects: GitObject[] = [];
  const nodes: Node[] = [];
  const blob = (name: string, body: Buffer, mode: '100644' | '100755' = '100644'): Node => {
    objects.push({ type: 'blob', body });
    return { ...hashBlob(body), mode, name };
  };
  nodes.push(blob('control', files.control), blob('manifest', files.manifest));
  if (files.conffiles !== undefined) nodes.push(blob('conffiles', files.conffiles));
  if (files.scripts.size > 0) {
    const at = objects.length;
    const names = [...files.scripts].sort(([a], [b]) => (a < b ? -1 : 1));
    const scripts = buildTree(
      names.map(([name, body]) => blob(name, body, EXECUTABLE.has(name) ? '100755' : '100644')),
    );
    objects.splice(at, 0, ...scripts.trees);
    nodes.push({ mode: '40000', name: 'scripts', oid: scripts.oid, oid256: scripts.oid256 });
  }
  if (data !== undefined) nodes.push({ mode: '40000', name: 'data', oid: data.oid, oid256: data.oid256 });
  const root = buildTree(nodes);
  return { oid: root.oid, oid256: root.oid256, objects: [...root.trees, ...objects] };
}

/** A release's content as its objects give it; nothing is said about who made it. */
export interface ReadRelease {
  readonly files: ReleaseFiles;
  readonly control: Control;
  readonly manifest: Manifest;
  /** paths without the slash, one byte per character */
  readonly conffiles: readonly string[];
  /** the same for those that the maintainer takes away on upgrade: no files of the manifest */
  readonly goneConffiles: readonly string[];
  /** id of the `data/` tree, which the contents will have to give */
  readonly dataTree: Oid | undefined;
  /** root tree, files and scripts, in pack order: all but the trees of `data/` */
  readonly objects: readonly GitObject[];
}

/** How objects are had; throws GtpkgError when one is missing. */
export type ReadObject = (oid: Oid) => Promise<GitObject>;

/**
 * Reads and checks everything below a release's root tree but `data/`, which follows from the manifest and the contents.
 * @throws GtpkgError RELEASE_MALFORMED, MANIFEST_MALFORMED, CONTROL_MALFORMED, …, OBJECT_CORRUPT
 */
export async function readRelease(tree: Oid, read: ReadObject): Promise<ReadRelease> {
  const body = async (
    oid: Oid,
    type: GitObject['type'],
    bound: number = limits.MAX_GIT_OBJECT,
  ): Promise<Buffer> => {
    const object = await read(oid);
    if (object.type !== type) throw malformed(`an object is a ${object.type} where a ${type} is expected`);
    if (object.body.length > bound)
      throw new GtpkgError('LIMIT_EXCEEDED', `A ${type} of the release is larger than ${bound} bytes`);
    return object.body;
  };
  const top = new Map(parseTree(await body(tree, 'tree')).map((entry) => [entry.name, entry]));
  const file = async (name: string, bound: number): Promise<Buffer | undefined> => {
    const entry = top.get(name);
    return entry === undefined ? undefined : body(entry.oid, 'blob', bound);
  };
  const control = await file('control', limits.MAX_CONTROL);
  const manifestBytes = await file('manifest', limits.MAX_GIT_OBJECT);
  if (control === undefined || manifestBytes === undefined)
    throw malformed('it has no control file or no manifest');
  const manifest = parseManifest(manifestBytes);
  const conffiles = await file('conffiles', limits.MAX_GIT_OBJECT);
  const scripts = new Map<ScriptName, Buffer>();
  const scriptsTree = top.get('scripts')?.oid;
  for (const { name, oid } of scriptsTree === undefined ? [] : parseTree(await body(scriptsTree, 'tree'))) {
    if (!isScriptName(name)) throw malformed(`"${name.slice(0, 80)}" is not a maintainer script`);
    scripts.set(name, await body(oid, 'blob', limits.MAX_SCRIPT));
  }
  const dataTree = top.get('data')?.oid;
  const files: ReleaseFiles = {
    control,
    manifest: manifestBytes,
    ...(conffiles === undefined ? {} : { conffiles }),
    scripts,
  };
  if ((dataTree === undefined) === manifest.some(isInTree))
    throw malformed('its data/ is not what the manifest says');
  // anything else in the root tree, a mode, an empty scripts/: all of it shows here
  const root = buildRoot(files, dataTree === undefined ? undefined : { oid: dataTree, oid256: UNKNOWN });
  if (root.oid !== tree) throw malformed('its tree holds what does not belong there');
  return {
    files,
    control: parseControl(control, 'control of the release'),
    manifest,
    ...readConffiles(conffiles, manifest),
    dataTree,
    objects: root.objects,
  };
}

// stands in where only the SHA-1 side of a tree is wanted
const UNKNOWN = '0'.repeat(64) as Sha256;

/** Id of the release's tree under the SHA-256 format, if its `data/` tree has the id `data256` there. */
export function rootId256({ files, dataTree }: ReadRelease, data256: Sha256 | undefined): Sha256 {
  return buildRoot(
    files,
    dataTree === undefined || data256 === undefined ? undefined : { oid: dataTree, oid256: data256 },
  ).oid256;
}

function readConffiles(
  bytes: Buffer | undefined,
  manifest: Manifest,
): Pick<ReadRelease, 'conffiles' | 'goneConffiles'> {
  if (bytes === undefined) return { conffiles: [], goneConffiles: [] };
  const text = bytes.toString('latin1');
  const lines = checkConffiles(text, manifest, 'RELEASE_MALFORMED');
  if (formatConffiles(lines)?.equals(bytes) !== true) throw malformed('conffiles is not in canonical form');
  const all = lines.map(parseConffile);
  const paths = (isGone: boolean): string[] => all.flatMap(({ path, gone }) => (gone === isGone ? path : []));
  return { conffiles: paths(false), goneConffiles: paths(true) };
}

/** The conffiles file of a release; undefined when there are none. */
export function formatConffiles(lines: readonly string[]): Buffer | undefined {
  return lines.length === 0 ? undefined : Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** The ids of a release's pack in their one order, each once: tag, commit, root tree, control, manifest, conffiles, scripts. */
export function packOrder(tag: Oid, commit: Oid, release: ReadRelease): Oid[] {
  const objects = release.objects.map(({ type, body }) => hashObject(type, body));
  return [...new Set([tag, commit, ...objects])];
}

function malformed(what: string): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `The release is malformed: ${what}`);
}
