/** Reads a section of a release image. */
import { createHash } from 'node:crypto';
import { GtpkgError, type ByteSource } from '../model/index.js';
import type { Section } from './image-format.js';

/** A section's bytes, exactly; the digest is checked after the last one. @throws GtpkgError RELEASE_MALFORMED */
export async function* sectionBytes(source: ByteSource, section: Section): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let total = 0;
  for await (const chunk of section.length === 0 ? [] : source.read(section.offset, section.length)) {
    total += chunk.length;
    if (total > section.length) break;
    hash.update(chunk);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (total !== section.length || hash.digest('hex') !== section.sha256) {
    throw new GtpkgError(
      'RELEASE_MALFORMED',
      `The release is malformed: the section ${section.name} is damaged`,
    );
  }
}
