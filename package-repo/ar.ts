/** Ar archives as deb(5) uses them: short names, three members in order. Reads headers only; contents are ranges of the file. */
import type { FileHandle } from 'node:fs/promises';
import { GtpkgError } from '../model/index.js';

/** One member: where its contents are. */
export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** More members than any .deb has. */
const MAX_MEMBERS = 32;
const HEADER = 60;

/**
 * The members of an ar file, in order. The file must end with the last one (and its padding byte).
 * @throws GtpkgError DEB_MALFORMED
 */
export async function readAr(file: FileHandle, where: string): Promise<ArMember[]> {
  const fail = (what: string): GtpkgError =>
    new GtpkgError('DEB_MALFORMED', `${where} is not a whole .deb file: ${what}`, {
      hint: 'Fetch the file again.',
    });
  const { size: total } = await file.stat();
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    if (bytesRead < length) throw fail('it is cut short');
    return buffer;
  };
  if (total < 8 || (await read(0, 8)).toString('latin1') !== '!<arch>\n')
    throw fail('it is not an ar archive');
  const members: ArMember[] = [];
  let offset = 8;
  while (offset < total) {
    if (members.length === MAX_MEMBERS) throw fail(`more than ${MAX_MEMBERS} members`);
    const header = (await read(offset, HEADER)).toString('latin1');
    const name = /^([!-.0-~]{1,16}?)\/? *$/.exec(header.slice(0, 16))?.[1];
    const size = /^(\d{1,10}) *$/.exec(header.slice(48, 58))?.[1];
    if (header.slice(58) !== '`\n' || name === undefined || size === undefined)
      throw fail('a member header is malformed');
    const member = { name, offset: offset + HEADER, size: Number(size) };
    offset = member.offset + member.size;
    if (offset > total) throw fail(`the member ${name} is cut short`);
    members.push(member);
    // members start at even offsets
    if (offset % 2 === 1 && offset < total) {
      if ((await read(offset, 1))[0] !== 10) throw fail(`bytes follow the member ${name}`);
      offset++;
    }
  }
  return members;
}
