/**
 * `hello`, the first message on the control channel: who speaks, and where it can be reached. docs/formats/swarm.md.
 *
 * version u8 ‖ flags u8 (1: stays) ‖ TCP port u16 little-endian (0: none). What follows is of a later version and skipped.
 */
import { limits } from '../model/index.js';
import type { MessageKind } from './talk.js';

export interface Hello {
  readonly version: number;
  /** it serves for long: its address is worth remembering */
  readonly stays: boolean;
  /** TCP port on the host that the connection comes from; 0 when it takes no connections there */
  readonly port: number;
}

export const VERSION = 1;
const STAYS = 1;

export const hello: MessageKind<Hello> = {
  id: 0,
  bounds: limits.TALK.hello,
  encode({ version, stays, port }) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt8(version, 0);
    bytes.writeUInt8(stays ? STAYS : 0, 1);
    bytes.writeUInt16LE(port, 2);
    return bytes;
  },
  decode(bytes) {
    const stays = (bytes.readUInt8(1) & STAYS) !== 0;
    return Object.freeze({ version: bytes.readUInt8(0), stays, port: bytes.readUInt16LE(2) });
  },
};
