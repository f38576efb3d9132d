/** Package repositories and release images: import, compose, sign, write, verify. */
export { readDeb } from './deb.js';
export { readDirectory, type DirectoryOptions } from './directory.js';
export type { PackageInput } from './input.js';
export { commitRelease, signRelease, type CommittedRelease } from './compose.js';
export {
  describeRelease,
  listReleases,
  type DescribedRelease,
  type DescribedTag,
  type ListedRelease,
} from './describe.js';
export { writeImage, type ImageOptions } from './image.js';
export { writeDelta, type DeltaOptions } from './delta-write.js';
export { extractPayload } from './extract.js';
export { verifyDelta, verifyRelease, type VerifyDeltaOptions, type VerifyReleaseOptions } from './verify.js';
export { fileSource } from './source.js';
export { compress, decompress, ZSTD_VERSION, type CompressOptions, type DecompressOptions } from './zstd.js';
export { zstdEngines, type ZstdEngine } from './zstd-engines.js';
export { tagName } from './format.js';
export { storeRelease, type StoreOptions } from './store.js';
