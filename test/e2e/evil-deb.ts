/**
 * Writes .deb files as nobody's tools would: tar members of any name and type, ar archives of any members.
 */
import { gzipSync } from 'node:zlib';

/** A tar member, as an attacker spells it. */
export interface Member {
  readonly name: string;
  /** typeflag: 0 file, 1 hard link, 2 symbolic link, 3 and 4 devices, 5 directory; default 0 */
  readonly type?: string;
  readonly link?: string;
  readonly body?: string;
  readonly mode?: number;
  /** size field when it lies */
  readonly size?: number;
  readonly device?: readonly [number, number];
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

function header(member: Member): Buffer {
  const out = Buffer.alloc(512);
  const { name, type = '0', link = '', body = '', mode = 0o755, device } = member;
  out.write(name, 0, 100, 'latin1');
  out.write(octal(mode, 8), 100, 'latin1');
  out.write(octal(0, 8), 108, 'latin1');
  out.write(octal(0, 8), 116, 'latin1');
  out.write(octal(member.size ?? Buffer.byteLength(body), 12), 124, 'latin1');
  out.write(octal(1_700_000_000, 12), 136, 'latin1');
  out.write(' '.repeat(8), 148, 'latin1');
  out.write(type, 156, 'latin1');
  out.write(link, 157, 100, 'latin1');
  out.write('ustar\x0000root', 257, 'latin1');
  out.write('root', 297, 'latin1');
  if (device !== undefined) {
    out.write(octal(device[0], 8), 329, 'latin1');
    out.write(octal(device[1], 8), 337, 'latin1');
  }
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** A tar of these members, with its end mark. */
export function tar(members: readonly Member[]): Buffer {
  const parts = members.flatMap((member) => {
    const body = Buffer.from(member.body ?? '');
    return [header(member), body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** An ar archive. */
export function ar(members: readonly (readonly [name: string, body: Buffer])[]): Buffer {
  const parts = members.flatMap(([name, body]) => [
    Buffer.from(
      `${name.padEnd(16)}${'1700000000'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(body.length).padEnd(10)}\`\n`,
    ),
    body,
    Buffer.from(body.length % 2 === 1 ? '\n' : ''),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

/** The control file of a package that would be good. */
export function control(name: string, more = ''): string {
  return `Package: ${name}\nVersion: 1.0\nArchitecture: all\nMaintainer: M <m@example.org>\n${more}Description: made by hand\n`;
}

/** What a .deb is made of; what is not said is as it should be. */
export interface DebParts {
  readonly control?: string;
  readonly info?: readonly Member[];
  readonly data?: readonly Member[];
}

/** The three members of a .deb. */
export function debMembers(name: string, parts: DebParts = {}): [string, Buffer][] {
  const info = parts.info ?? [
    { name: './', type: '5' },
    { name: './control', body: parts.control ?? control(name), mode: 0o644 },
  ];
  const data = parts.data ?? [
    { name: './', type: '5' },
    { name: './usr/', type: '5' },
    { name: './usr/bin/', type: '5' },
    { name: `./usr/bin/${name}`, body: `#!/bin/sh\necho ${name}\n` },
  ];
  return [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(tar(info))],
    ['data.tar.gz', gzipSync(tar(data))],
  ];
}

/** A .deb. */
export function deb(name: string, parts: DebParts = {}): Buffer {
  return ar(debMembers(name, parts));
}
