// The opening handshake (RFC 6455 section 4): its fields out, its checks in, in the order of the sections.

import {
  HANDSHAKE_ACCEPT_BYTES, HANDSHAKE_INVALID_ACCEPT_KEY, HANDSHAKE_KEY_BYTES, HANDSHAKE_MALFORMED_HTTP, HANDSHAKE_METHOD_NOT_GET,
  HANDSHAKE_MISSING_CONNECTION, HANDSHAKE_MISSING_HOST, HANDSHAKE_MISSING_KEY, HANDSHAKE_MISSING_UPGRADE, HANDSHAKE_NONCE_BYTES,
  HANDSHAKE_OK, HANDSHAKE_UNEXPECTED_EXTENSION, HANDSHAKE_UNEXPECTED_STATUS, HANDSHAKE_UNSUPPORTED_VERSION, SEAL_NO_ROOM, SHA1_SCRATCH_BYTES,
} from "../abi";
import { base64Encode, base64Value } from "../bytes/base64";
import { sha1 } from "../bytes/sha1";
import { findField, Head, valueAddress, valueLength } from "../http/head";
import { equalsIgnoreCase, listContains } from "../http/token";
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

/** The client's checks on a parsed response (section 4.1, second list), for the key it sent. */
export function checkUpgradeResponse(head: usize, key: usize, scratch: usize): u32 {
  if (changetype<Head>(head).status != 101) return HANDSHAKE_UNEXPECTED_STATUS;
  if (!hasMember(head, "upgrade", "websocket")) return HANDSHAKE_MISSING_UPGRADE;
  if (!hasMember(head, "connection", "upgrade")) return HANDSHAKE_MISSING_CONNECTION;
  const accept = findField(head, "sec-websocket-accept");
  if (accept < 0 || valueLength(head, accept) != HANDSHAKE_ACCEPT_BYTES) return HANDSHAKE_INVALID_ACCEPT_KEY;
  if (findField(head, "sec-websocket-accept", accept + 1) >= 0) return HANDSHAKE_INVALID_ACCEPT_KEY;
  const expected = scratch + SHA1_SCRATCH_BYTES - 32;
  handshakeAccept(expected, key, HANDSHAKE_KEY_BYTES, scratch);
  if (memory.compare(valueAddress(head, accept), expected, HANDSHAKE_ACCEPT_BYTES) != 0) return HANDSHAKE_INVALID_ACCEPT_KEY;
  // No extension was offered, so none may be answered.
  if (findField(head, "sec-websocket-extensions") >= 0) return HANDSHAKE_UNEXPECTED_EXTENSION;
  return HANDSHAKE_OK;
}

/** The server's checks on a parsed request (section 4.2.1). */
export function checkUpgradeRequest(record: usize): u32 {
  const head = changetype<Head>(record);
  if (!isGet(head)) return HANDSHAKE_METHOD_NOT_GET;
  if (head.minorVersion == 0) return HANDSHAKE_MALFORMED_HTTP;
  const host = findField(record, "host");
  if (host < 0 || findField(record, "host", host + 1) >= 0) return HANDSHAKE_MISSING_HOST;
  if (!hasMember(record, "upgrade", "websocket")) return HANDSHAKE_MISSING_UPGRADE;
  if (!hasMember(record, "connection", "upgrade")) return HANDSHAKE_MISSING_CONNECTION;
  const version = findField(record, "sec-websocket-version");
  if (version < 0 || !equalsIgnoreCase(valueAddress(record, version), valueLength(record, version), "13")) {
    return HANDSHAKE_UNSUPPORTED_VERSION;
  }
  const key = findField(record, "sec-websocket-key");
  if (key < 0 || findField(record, "sec-websocket-key", key + 1) >= 0) return HANDSHAKE_MISSING_KEY;
  if (valueLength(record, key) != HANDSHAKE_KEY_BYTES || !isNonce(valueAddress(record, key))) return HANDSHAKE_MISSING_KEY;
  return HANDSHAKE_OK;
}

/** Address of the value of Sec-WebSocket-Key in a checked request. */
export function requestKeyAddress(record: usize): usize {
  return valueAddress(record, findField(record, "sec-websocket-key"));
}

/** 22 base64 characters and "==", the last one without stray bits: 16 bytes. */
function isNonce(value: usize): bool {
  for (let i: u32 = 0; i < 22; i++) if (base64Value(load<u8>(value + i)) == 64) return false;
  return (base64Value(load<u8>(value, 21)) & 15) == 0 && load<u16>(value, 22) == 0x3d3d;
}

/** Methods are case-sensitive (RFC 9110 section 9.1). */
function isGet(head: Head): bool {
  return head.methodLength == 3 && load<u16>(head.method) == 0x4547 && load<u8>(head.method, 2) == 0x54;
}

/** Does any field called `name` list `member`? A field may come in several lines (RFC 9110 section 5.3). */
function hasMember(head: usize, name: string, member: string): bool {
  for (let i = findField(head, name); i >= 0; i = findField(head, name, i + 1)) {
    if (listContains(valueAddress(head, i), valueLength(head, i), member)) return true;
  }
  return false;
}
