/** Git packs: our writer and our reader for packs from strangers. */
export { writePack, type PackItem, type WritePackOptions } from './pack-write.js';
export { readPack, type PackLimits, type PackedObject } from './pack-read.js';
