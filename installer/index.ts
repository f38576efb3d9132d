/**
 * The installer: puts verified releases into a root, all or nothing, and knows what it put there.
 *
 * `gtpkg list` and its like import './status.js' alone, which loads nothing else of this room.
 */
export {
  readStatus,
  type Conffile,
  type InstalledPackage,
  type PackageState,
  type RootStatus,
} from './status.js';
export { openRoot, type LockMode, type OpenRoot, type OpenRootOptions } from './root.js';
export { runTransaction, type TransactionResult } from './transaction.js';
export { previewTransaction, type TransactionPreview, type TransactionRequest } from './prepare.js';
export {
  planTransaction,
  type ChangeAction,
  type PackageChange,
  type PlanInput,
  type TransactionPlan,
  type TransactionStep,
} from './plan.js';
export type { ConffilePolicy } from './conffiles.js';
export type { KeptConffile } from './conffile-decisions.js';
export type { Recovery } from './recover.js';
export type { StepHook } from './disk.js';
export { readManifest, readManifestBytes } from './claims.js';
export { filesOf, ownerOf, scriptsOf, type PathOwner } from './owns.js';
export { setMarks, type MarkRequest } from './marks.js';
export {
  verifyAll,
  verifyRoot,
  type Difference,
  type DifferenceKind,
  type ExtraPath,
  type Findings,
} from './verify.js';
export { readOutcomes, type Outcome } from './outcomes.js';
export {
  readHistory,
  readHistoryEntry,
  stateAfter,
  type HistoryChange,
  type HistoryEntry,
  type HistoryPin,
  type Purpose,
} from './history.js';
