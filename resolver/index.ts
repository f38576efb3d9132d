/**
 * The resolver: verified snapshot, what is installed and a request in; a plan or an explained conflict out. Pure.
 */
export { findUninstallable, type Uninstallable } from './check.js';
export type { Explanation } from './explain.js';
export type { Blocked, Reason } from './facts.js';
export type { Fix } from './fixes.js';
export { satisfies } from './match.js';
export type { NeedField, NeedLink } from './needed.js';
export type { ChangeStep, HeldBack, InstallStep, Plan, RemoveStep, Step, UnmetDependency } from './plan.js';
export { DEFAULT_PRIORITY, isGeneral, matches, opensToAll, rankOf, type Pin, type Ranked } from './pins.js';
export type {
  AutoremoveRequest,
  Installed,
  InstallRequest,
  Policy,
  Problem,
  RemoveRequest,
  Request,
  Target,
  UpgradeRequest,
} from './problem.js';
export { resolve, type Resolution } from './resolve.js';
export type { Exclusion, KeepReason } from './rules.js';
export { brokenBy, planTowards, type Broken, type Towards } from './towards.js';
export { whyInstalled, type Why } from './why.js';
