/**
 * Everything about a transaction that can be known before the disk is touched: plan, survey, and what to tell the user.
 */
import { randomBytes } from 'node:crypto';
import { joinPath, pathToText, type BytePath } from '../model/bytes.js';
import type { Report } from '../model/events.js';
import type { AskConffile } from './ask-conffiles.js';
import { gatherClaims, readManifest } from './claims.js';
import type { ComposeContext } from './compose.js';
import { conffileDecisions, goneDecisions, keptConffiles, type KeptConffile } from './conffile-decisions.js';
import { copiesOf } from './conffiles.js';
import type { ConffilePolicy } from './conffiles.js';
import { diskError } from './disk-error.js';
import { readDiversions } from './diversions.js';
import { nextId, type Purpose } from './history.js';
import { Owners } from './owners.js';
import {
  leavingNames,
  planTransaction,
  type PackageChange,
  type PlanInput,
  type TransactionPlan,
  type TransactionStep,
} from './plan.js';
import type { LayOut } from './lay-out.js';
import type { OpenRoot } from './root.js';
import { MAINTAINER_SCRIPTS } from './script-acts.js';
import { hasShell } from './has-shell.js';
import type { ScriptPolicy } from './script-runner.js';
import {
  describeSpecialFiles,
  newSpecialFiles,
  type AskSpecialFiles,
  type SpecialFilesPolicy,
} from './special-files.js';
import { survey as makeSurvey, type Survey } from './survey.js';

export interface TransactionRequest {
  readonly steps: readonly TransactionStep[];
  /** as the user gave it, for the history */
  readonly command: string;
  readonly now: Date;
  /** by source: the index commit that the plan followed */
  readonly indexCommits: Readonly<Record<string, string>>;
  /** what it is for, for the history; default: a change that was asked for */
  readonly purpose?: Purpose | undefined;
  readonly report: Report;
  /** who brings the files of payloads to their place in staging; default: this thread */
  readonly layOut?: LayOut;
  /** maintainer scripts, and how they run; undefined: they are kept and not run */
  readonly scripts?: ScriptPolicy | undefined;
  /** what to do with conffiles that the user and the package changed; default `keep` */
  readonly conffilePolicy?: ConffilePolicy | undefined;
  /** asked for each of them; its answer wins */
  readonly askConffile?: AskConffile | undefined;
  /** what becomes of set-uid programs and devices that come; default `allow` */
  readonly specialFiles?: SpecialFilesPolicy | undefined;
  readonly askSpecialFiles?: AskSpecialFiles | undefined;
}

/** What a transaction would do, or did. */
export interface TransactionPreview {
  readonly changes: readonly PackageChange[];
  /** bytes of files that are written */
  readonly bytes: number;
  readonly keptConffiles: readonly KeptConffile[];
  /** packages with maintainer scripts, which are kept and not run */
  readonly scriptsNotRun: readonly string[];
  /** for people */
  readonly notes: readonly string[];
}

/** A transaction that is ready to be staged. */
export interface Prepared {
  readonly root: OpenRoot;
  readonly id: number;
  readonly input: PlanInput;
  readonly plan: TransactionPlan;
  readonly survey: Survey;
  readonly compose: ComposeContext;
  /** how maintainer scripts run; undefined: none does */
  readonly scripts: ScriptPolicy | undefined;
}

/**
 * What `steps` would do, and whether files are in the way; changes nothing. Any lock mode.
 * @throws GtpkgError as runTransaction's planning does
 */
export async function previewTransaction(
  root: OpenRoot,
  request: Pick<TransactionRequest, 'steps' | 'conffilePolicy' | 'scripts'>,
): Promise<TransactionPreview> {
  try {
    const prepared = prepare(root, request);
    const { compose } = prepared;
    return previewOf(prepared, keptConffiles(await conffileDecisions(compose), await goneDecisions(compose)));
  } catch (error) {
    throw diskError(error, 'looking at the root');
  }
}

/** Plans and surveys. @throws GtpkgError as planTransaction and survey */
export function prepare(
  root: OpenRoot,
  { steps, conffilePolicy, scripts: asked }: Pick<TransactionRequest, 'steps' | 'conffilePolicy' | 'scripts'>,
): Prepared {
  try {
    const { disk, state, dir } = root;
    const status = root.status();
    const leaving = leavingNames(status, steps);
    const manifests = new Map(
      [...leaving].flatMap((name) => {
        const pkg = status.get(name);
        return pkg === undefined ? [] : [[name, readManifest(dir, pkg, state)] as const];
      }),
    );
    const diversions = readDiversions(disk);
    const wanted = new Set<string>();
    const want = (name: string, paths: readonly { readonly path: BytePath }[]): void => {
      for (const { path } of paths) wanted.add(path).add(diversions.place(path, name));
    };
    for (const step of steps) {
      if (step.kind !== 'install') continue;
      const { pin, manifest, goneConffiles } = step.release;
      want(pin.name, manifest);
      want(
        pin.name,
        goneConffiles.map((path) => ({ path: path as BytePath })),
      );
    }
    for (const [name, manifest] of manifests) want(name, manifest);
    for (const name of leaving) {
      for (const { path } of status.get(name)?.conffiles ?? [])
        want(
          name,
          [path, ...copiesOf(diversions.place(path, name))].map((one) => ({ path: one })),
        );
    }
    const scripts = asked !== undefined && canRunScripts(root, asked, steps) ? asked : undefined;
    const input: PlanInput = {
      status,
      steps,
      manifests,
      claims: gatherClaims(dir, status, { leaving, wanted, diversions }),
      diversions,
      runsScripts: scripts !== undefined,
      fromNothing: scripts?.how === 'inside' && !hasShell(disk),
      postrm: new Set([...leaving].filter((name) => disk.exists(joinPath(state.scripts, `${name}/postrm`)))),
    };
    const plan = planTransaction(input);
    const id = nextId(dir);
    // the name cannot be guessed: on another file system the area may lie where everybody may write
    const area = `${id}-${randomBytes(6).toString('hex')}`;
    const survey = makeSurvey(plan, { disk, state, input, id: area });
    const policy = conffilePolicy ?? 'keep';
    const compose: ComposeContext = {
      disk,
      owners: new Owners(disk),
      plan,
      input,
      survey,
      policy,
      answers: new Map(),
    };
    return { root, id, input, plan, survey, compose, scripts };
  } catch (error) {
    throw diskError(error, 'planning the transaction');
  }
}

// A root that has no shell and gets none holds files, not a system: a library, a program that is called from outside.
function canRunScripts(
  { disk }: OpenRoot,
  { how }: ScriptPolicy,
  steps: readonly TransactionStep[],
): boolean {
  const shells = new Set(['bin/sh', 'usr/bin/sh']);
  return (
    how === 'outside' ||
    hasShell(disk) ||
    steps.some(
      (step) => step.kind === 'install' && step.release.manifest.some(({ path }) => shells.has(path)),
    )
  );
}

/** What staging could not set. */
interface Skipped {
  readonly ownersSkipped: number;
  readonly xattrsSkipped: readonly string[];
}

/** What to tell the user. */
export function previewOf(
  { plan, survey, input }: Prepared,
  kept: readonly KeptConffile[],
  { ownersSkipped, xattrsSkipped }: Skipped = { ownersSkipped: 0, xattrsSkipped: [] },
): TransactionPreview {
  const conffiles = new Set<string>(plan.conffiles.map(({ path }) => path));
  const strangers = survey.strangers.filter((path) => !conffiles.has(path));
  const notes: string[] = [];
  if (strangers.length > 0) {
    const more = strangers.length > 1 ? ` and ${strangers.length - 1} more` : '';
    notes.push(`/${pathToText(strangers[0] ?? '')}${more} belonged to no package and is replaced`);
  }
  for (const one of kept) notes.push(keptNote(one));
  const special = newSpecialFiles(plan, input);
  if (special.length > 0) notes.push(describeSpecialFiles(special));
  if (ownersSkipped > 0)
    notes.push(`${ownersSkipped} paths belong to you instead of the users that their packages name`);
  notes.push(...xattrsSkipped.map((text) => text.replace(/\.$/, '')));
  const scriptsNotRun =
    input.runsScripts === true
      ? []
      : plan.incoming
          .filter(({ release }) => MAINTAINER_SCRIPTS.some((script) => release.scripts.has(script)))
          .map(({ name }) => name);
  return { changes: plan.changes, bytes: plan.bytes, keptConffiles: kept, scriptsNotRun, notes };
}

function keptNote({ path, kept, other }: KeptConffile): string {
  if (kept === 'none') return `${path}: no conffile any more; your version is kept as ${other ?? ''}`;
  const place = other === undefined ? '' : `, the ${kept === 'user' ? 'new' : 'old'} one is ${other}`;
  return `${path}: ${kept === 'user' ? 'your version is kept' : 'the new version is in place'}${place}`;
}
