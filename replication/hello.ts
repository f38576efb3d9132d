/**
 * `hello`, the first message on the control channel: who speaks, and where it can be reached. docs/formats/swarm.md.
 *
 * version u8 ‖ TCP port u16 little-endian (0: none). What follows is of a later version and skipped.
 */
import { limits } from '../model/index.js';
import type { MessageKind } from './talk.js';

export interface Hello {
  readonly version: number;
  /** TCP port on the host that the connection comes from; 0 when it takes no connections there */
  readonly port: number;
}

export const VERSION = 1;

export const hello: MessageKind<Hello> = {
  id: 0,
  bounds: limits.TALK.hello,
  encode({ version, port }) {
    const bytes = Buffer.alloc(3);
    bytes.writeUInt8(version, 0);
    bytes.writeUInt16LE(port, 1);
    return bytes;
  },
  decode(bytes) {
    return Object.freeze({ version: bytes.readUInt8(0), port: bytes.readUInt16LE(1) });
  },
};
