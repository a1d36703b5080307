// Heads out (RFC 9112 sections 3 to 5): every part is checked before it is copied, so nothing can be injected.
//
// Each function appends at `at` and returns the address behind what it wrote; SEAL_REFUSED when a part may not stand there, SEAL_NO_ROOM
// when it would pass `end`, whatever the caller has made sure of: behind that lies somebody else's memory.

import { SEAL_NO_ROOM, SEAL_REFUSED, SEAL_RESERVED } from "../abi";
import { equalsIgnoreCase, isFieldValue, isTarget, isToken, tokenBytes } from "./token";

const HASH: u32 = 0x23;

// Literals that every request has, as the numbers that a store puts there: the first character is the lowest byte.
const SPACE_HTTP_1_DOT: u64 = 0x2e312f5054544820; // " HTTP/1."
const ONE_CR: u16 = 0x0d31; // "1\r"
const LF: u8 = 0x0a;
const CONTENT_DASH: u64 = 0x2d746e65746e6f43; // "Content-"
const LENGTH_COLON_SPACE: u64 = 0x203a6874676e654c; // "Length: "

/** Do `bytes` fit between `at` and `end`? In 64 bits, so that no sum of lengths wraps around. */
// @ts-ignore: decorator
@inline
export function fits(at: usize, end: usize, bytes: u64): bool {
  return <u64>at + bytes <= <u64>end;
}

/** A literal of the codec's own (ASCII), for which the caller has made sure of room. */
export function putLiteral(at: usize, literal: string): usize {
  const source = changetype<usize>(literal);
  const length = <u32>literal.length;
  for (let i: u32 = 0; i < length; i++) store<u8>(at + i, load<u8>(source + (i << 1)));
  return at + length;
}

export function putRequestLine(at: usize, end: usize, method: usize, methodLength: u32, target: usize, targetLength: u32): usize {
  if (!isToken(method, methodLength) || !isTarget(target, targetLength)) return SEAL_REFUSED;
  if (!fits(at, end, <u64>methodLength + targetLength + 12)) return SEAL_NO_ROOM;
  memory.copy(at, method, methodLength);
  at = putLiteral(at + methodLength, " ");
  memory.copy(at, target, targetLength);
  return putLiteral(at + targetLength, " HTTP/1.1\r\n");
}

export function putStatusLine(at: usize, end: usize, status: u32, reason: usize, reasonLength: u32): usize {
  if (status < 100 || status > 999 || !isFieldValue(reason, reasonLength)) return SEAL_REFUSED;
  if (!fits(at, end, <u64>reasonLength + 15)) return SEAL_NO_ROOM;
  at = putLiteral(at, "HTTP/1.1 ");
  store<u8>(at, 0x30 + status / 100);
  store<u8>(at, 0x30 + (status / 10) % 10, 1);
  store<u8>(at, 0x30 + status % 10, 2);
  at = putLiteral(at + 3, " ");
  memory.copy(at, reason, reasonLength);
  return putLiteral(at + reasonLength, "\r\n");
}

export function putField(at: usize, end: usize, name: usize, nameLength: u32, value: usize, valueLength: u32): usize {
  if (!isToken(name, nameLength) || !isFieldValue(value, valueLength)) return SEAL_REFUSED;
  if (!fits(at, end, <u64>nameLength + valueLength + 4)) return SEAL_NO_ROOM;
  memory.copy(at, name, nameLength);
  at = putLiteral(at + nameLength, ": ");
  memory.copy(at, value, valueLength);
  return putLiteral(at + valueLength, "\r\n");
}

export function putEndOfHead(at: usize, end: usize): usize {
  if (!fits(at, end, 2)) return SEAL_NO_ROOM;
  return putLiteral(at, "\r\n");
}

/**
 * Seals a request line whose method, space and target the caller has put at [line, at): checks both, ends the line, and appends the
 * `prefixLength` bytes of fields that every request has. Returns the address behind them, SEAL_REFUSED or SEAL_NO_ROOM.
 */
export function sealRequestLine(line: usize, methodLength: u32, at: usize, end: usize, prefix: usize, prefixLength: u32): usize {
  const target = line + methodLength + 1;
  if (target > at) return SEAL_REFUSED;
  const targetLength = <u32>(at - target);
  // A fragment is never sent (RFC 9110 section 7.1); sent all the same, servers differ in what they make of it.
  if (!isToken(line, methodLength) || !isTarget(target, targetLength, HASH)) return SEAL_REFUSED;
  if (!fits(at, end, <u64>prefixLength + 11)) return SEAL_NO_ROOM;
  store<u64>(at, SPACE_HTTP_1_DOT);
  store<u16>(at, ONE_CR, 8);
  store<u8>(at, LF, 10);
  memory.copy(at + 11, prefix, prefixLength);
  return at + 11 + prefixLength;
}

/**
 * Seals a field line whose name, colon, space and value the caller has put at [line, at): checks both and ends the line. Returns the
 * address behind it, SEAL_REFUSED, SEAL_RESERVED for a name that only the writer itself may use, or SEAL_NO_ROOM.
 */
export function sealField(line: usize, nameLength: u32, at: usize, end: usize): usize {
  const value = line + nameLength + 2;
  // Where the line is long enough for one look at it, the name ends in front of its colon.
  const named = nameLength < 16 && line + 16 <= at ? nameLength != 0 && tokenBytes(line) == nameLength : isToken(line, nameLength);
  if (!named || !isFieldValue(value, <u32>(at - value))) return SEAL_REFUSED;
  if (isReserved(line, nameLength)) return SEAL_RESERVED;
  if (at + 2 > end) return SEAL_NO_ROOM;
  store<u16>(at, 0x0a0d);
  return at + 2;
}

/** Ends a head whose body has `length` bytes. Returns where the body goes, or SEAL_NO_ROOM. */
export function putContentLength(at: usize, end: usize, length: u32): usize {
  let digits: u32 = 1;
  for (let rest = length; rest > 9; rest /= 10) digits++;
  if (at + digits + 20 > end) return SEAL_NO_ROOM;
  store<u64>(at, CONTENT_DASH);
  store<u64>(at, LENGTH_COLON_SPACE, 8);
  at += 16;
  for (let i = digits; i != 0; length /= 10) store<u8>(at + --i, 0x30 + (length % 10));
  store<u32>(at + digits, 0x0a0d0a0d);
  return at + digits + 4;
}

/** Fields that say how the message is cut or what becomes of the connection: two authors of them would contradict each other. */
function isReserved(name: usize, length: u32): bool {
  switch (length) {
    case 2:
      return equalsIgnoreCase(name, length, "te");
    case 4:
      return equalsIgnoreCase(name, length, "host");
    case 6:
      return equalsIgnoreCase(name, length, "expect");
    case 7:
      return equalsIgnoreCase(name, length, "upgrade");
    case 10:
      return equalsIgnoreCase(name, length, "connection") || equalsIgnoreCase(name, length, "keep-alive");
    case 14:
      return equalsIgnoreCase(name, length, "content-length");
    case 17:
      return equalsIgnoreCase(name, length, "transfer-encoding");
    default:
      return false;
  }
}
