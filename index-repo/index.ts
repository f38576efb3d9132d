/**
 * The index room: entries, the trust machine, publishing, exchange, queries. Commands that must start fast import
 * `query.js`, `state.js` or `sync.js` alone: they load neither git nor openpgp.
 */
export {
  amendEntry,
  compareEntries,
  entryFrom,
  formatShard,
  parseShard,
  shardPath,
  type IndexEntry,
  type ShardPlace,
} from './entry.js';
export { diffIndex, type IndexDifference } from './index-diff.js';
export { decodeNotice, encodeNotice, noticeId, type Notice } from './notice.js';
export { judgeNotice } from './notice-judge.js';
export { encodeMoved, namedCore } from './moved.js';
export {
  dropPending,
  pendingCommits,
  settlePending,
  signPending,
  takeCosignatures,
  type PendingCommit,
} from './pending.js';
export { cosignaturesIn, encodeCosignatures, encodeProposal, takeProposal } from './proposal.js';
export { judgeEvidence, readProof } from './evidence.js';
export { copyIndex, forkIndex, type ForkOptions } from './fork.js';
export { changeIndex, createIndex, KEEP_VERSIONS } from './maintain.js';
export type { ChangeOptions, CreateOptions, IndexChange, IndexChanged } from './maintain.js';
export {
  forkBlocks,
  liveCores,
  livePart,
  needsSnapshot,
  publishIndex,
  type LivePart,
  type LogReader,
  type LogWriter,
  type Published,
} from './exchange.js';
export { decodeRecord, encodeRecord, packSize, type IndexRecord, type RecordPack } from './record.js';
export {
  readStoredIndex,
  syncIndex,
  syncNotice,
  type StoredIndex,
  type SyncOptions,
  type SyncResult,
} from './sync.js';
export type { EntryCounts } from './entry-changes.js';
export { checkFresh, parseState, type TrustedState } from './state.js';
export { TrustedIndex, type IndexHead, type IndexUpdate } from './trusted-index.js';
export { indexLog, listEntries, showIndex, type IndexInfo, type ListedEntry, type LogEntry } from './log.js';
export { describeKeyFile } from './key-files.js';
export {
  headOf,
  introductionOf,
  keyFilesOf,
  openIndex,
  PENDING,
  readIndexKey,
  tipOf,
  viewIndex,
  type IndexView,
} from './index-view.js';
export { contentsOf, entriesOf, type PlaceContents } from './lookup.js';
export {
  encodeSegment,
  formatContents,
  parseContents,
  pathsIn,
  releaseHead,
  releasesIn,
  releasesWith,
  type ReleaseHead,
  type ReleasePaths,
  type SegmentRef,
} from './contents.js';
export {
  readIndexPolicy,
  readPolicyFiles,
  type Delegation,
  type IndexPolicy,
  type PolicyFile,
} from './policy-files.js';
export { policyPath } from './policy-tree.js';
export { compileQuery, type Compiled, type CompileOptions } from './compile-query.js';
export { QueryFile, type QueryEntry, type SearchHit } from './query.js';
export type { Authorizations, Distribution } from './documents.js';
