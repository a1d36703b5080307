// Heads out (RFC 9112 sections 3 to 5): every part is checked before it is copied, so nothing can be injected.
//
// Each function appends at `at` and returns the address behind what it wrote, or 0 when a part may not stand there.

import { SEAL_REFUSED, SEAL_RESERVED } from "../abi";
import { equalsIgnoreCase, isFieldValue, isTarget, isToken, tokenBytes } from "./token";

const HASH: u32 = 0x23;

/** A literal of the codec's own (ASCII). */
export function putLiteral(at: usize, literal: string): usize {
  const source = changetype<usize>(literal);
  const length = <u32>literal.length;
  for (let i: u32 = 0; i < length; i++) store<u8>(at + i, load<u8>(source + (i << 1)));
  return at + length;
}

export function putRequestLine(at: usize, method: usize, methodLength: u32, target: usize, targetLength: u32): usize {
  if (!isToken(method, methodLength) || !isTarget(target, targetLength)) return 0;
  memory.copy(at, method, methodLength);
  at = putLiteral(at + methodLength, " ");
  memory.copy(at, target, targetLength);
  return putLiteral(at + targetLength, " HTTP/1.1\r\n");
}

export function putStatusLine(at: usize, status: u32, reason: usize, reasonLength: u32): usize {
  if (status < 100 || status > 999 || !isFieldValue(reason, reasonLength)) return 0;
  at = putLiteral(at, "HTTP/1.1 ");
  store<u8>(at, 0x30 + status / 100);
  store<u8>(at, 0x30 + (status / 10) % 10, 1);
  store<u8>(at, 0x30 + status % 10, 2);
  at = putLiteral(at + 3, " ");
  memory.copy(at, reason, reasonLength);
  return putLiteral(at + reasonLength, "\r\n");
}

export function putField(at: usize, name: usize, nameLength: u32, value: usize, valueLength: u32): usize {
  if (!isToken(name, nameLength) || !isFieldValue(value, valueLength)) return 0;
  memory.copy(at, name, nameLength);
  at = putLiteral(at + nameLength, ": ");
  memory.copy(at, value, valueLength);
  return putLiteral(at + valueLength, "\r\n");
}

export function putEndOfHead(at: usize): usize {
  return putLiteral(at, "\r\n");
}

/**
 * Seals a request line whose method, space and target the caller has put at [line, end): checks both, ends the line, and appends the
 * `prefixLength` bytes of fields that every request has. Returns the address behind them, or SEAL_REFUSED.
 */
export function sealRequestLine(line: usize, methodLength: u32, end: usize, prefix: usize, prefixLength: u32): usize {
  const target = line + methodLength + 1;
  const targetLength = <u32>(end - target);
  // A fragment is never sent (RFC 9110 section 7.1); sent all the same, servers differ in what they make of it.
  if (!isToken(line, methodLength) || !isTarget(target, targetLength, HASH)) return SEAL_REFUSED;
  end = putLiteral(end, " HTTP/1.1\r\n");
  memory.copy(end, prefix, prefixLength);
  return end + prefixLength;
}

/**
 * Seals a field line whose name, colon, space and value the caller has put at [line, end): checks both and ends the line. Returns the
 * address behind it, SEAL_REFUSED, or SEAL_RESERVED for a name that only the writer itself may use.
 */
export function sealField(line: usize, nameLength: u32, end: usize): usize {
  const value = line + nameLength + 2;
  // Where the line is long enough for one look at it, the name ends in front of its colon.
  const named = nameLength < 16 && line + 16 <= end ? nameLength != 0 && tokenBytes(line) == nameLength : isToken(line, nameLength);
  if (!named || !isFieldValue(value, <u32>(end - value))) return SEAL_REFUSED;
  if (isReserved(line, nameLength)) return SEAL_RESERVED;
  store<u16>(end, 0x0a0d);
  return end + 2;
}

/** Ends a head whose body has `length` bytes. Returns where the body goes. */
export function putContentLength(at: usize, length: u32): usize {
  at = putLiteral(at, "Content-Length: ");
  let digits: u32 = 1;
  for (let rest = length; rest > 9; rest /= 10) digits++;
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
