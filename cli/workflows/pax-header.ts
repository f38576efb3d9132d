/** A pax extended header (POSIX.1-2001) with records that are bytes: tar-stream writes text only. */

const BLOCK = 512;

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** Header, records and padding: what stands before the header of the member that it speaks of. @param records - key (one byte a character) and value */
export function paxHeader(records: readonly (readonly [key: string, value: Uint8Array])[]): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const header = Buffer.alloc(BLOCK);
  header.write('PaxHeader', 0, 'latin1');
  header.write(octal(0o644, 8), 100, 'latin1');
  header.write(octal(0, 8), 108, 'latin1');
  header.write(octal(0, 8), 116, 'latin1');
  header.write(octal(body.length, 12), 124, 'latin1');
  header.write(octal(0, 12), 136, 'latin1');
  // the checksum is that of the header with spaces in its place
  header.write(' '.repeat(8), 148, 'latin1');
  header.write('x', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

// "<length> <key>=<value>\n"; the length counts its own digits
function record(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
