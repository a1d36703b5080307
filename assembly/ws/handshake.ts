// The opening handshake (RFC 6455 section 4): its fields out. What comes in is judged by src/codec/ws/upgrade.ts.

import { HANDSHAKE_ACCEPT_BYTES, HANDSHAKE_KEY_BYTES, HANDSHAKE_NONCE_BYTES, SEAL_NO_ROOM } from "../abi";
import { base64Encode } from "../bytes/base64";
import { sha1 } from "../bytes/sha1";
import { fits, putLiteral } from "../http/writer";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// Layout of the scratch memory.
const SCHEDULE: u32 = 128;
const DIGEST: u32 = 448;

/** Sec-WebSocket-Key of a 16-byte nonce: 24 characters at `target`. */
export function handshakeKey(target: usize, nonce: usize): u32 {
  return base64Encode(target, nonce, HANDSHAKE_NONCE_BYTES);
}

/** Sec-WebSocket-Accept of a key (section 4.2.2, item 5.4): 28 characters at `target`. */
export function handshakeAccept(target: usize, key: usize, keyLength: u32, scratch: usize): u32 {
  memory.copy(scratch, key, min<u32>(keyLength, HANDSHAKE_KEY_BYTES));
  const end = putLiteral(scratch + min<u32>(keyLength, HANDSHAKE_KEY_BYTES), GUID);
  sha1(scratch + DIGEST, scratch, <u32>(end - scratch), scratch + SCHEDULE);
  return base64Encode(target, scratch + DIGEST, 20);
}

const REQUEST_FIELDS = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ";
const REQUEST_VERSION = "\r\nSec-WebSocket-Version: 13\r\n";
const RESPONSE_FIELDS = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

/** The fields of section 4.1 that follow Host, in the order of the RFC's example. Returns the address behind them, or SEAL_NO_ROOM. */
export function putUpgradeRequestFields(at: usize, end: usize, key: usize): usize {
  if (!fits(at, end, REQUEST_FIELDS.length + HANDSHAKE_KEY_BYTES + REQUEST_VERSION.length)) return SEAL_NO_ROOM;
  at = putLiteral(at, REQUEST_FIELDS);
  memory.copy(at, key, HANDSHAKE_KEY_BYTES);
  return putLiteral(at + HANDSHAKE_KEY_BYTES, REQUEST_VERSION);
}

/** The 101 response of section 4.2.2 up to its own fields. Returns the address behind them, or SEAL_NO_ROOM. */
export function putUpgradeResponse(at: usize, end: usize, key: usize, scratch: usize): usize {
  if (!fits(at, end, RESPONSE_FIELDS.length + HANDSHAKE_ACCEPT_BYTES + 2)) return SEAL_NO_ROOM;
  at = putLiteral(at, RESPONSE_FIELDS);
  return putLiteral(at + handshakeAccept(at, key, HANDSHAKE_KEY_BYTES, scratch), "\r\n");
}
