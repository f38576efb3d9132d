/** Git's formats and a bare repository on disk, shared by the two repository rooms. */
export * from './names.js';
export * from './objects.js';
export * from './pack.js';
export * from './repository.js';
export { checkRefName } from './refs.js';
export { collect, type ObjectStream } from './store.js';
export { ioError, withIo, writeAtomically } from './io.js';
export { crc32 } from './checksum.js';
