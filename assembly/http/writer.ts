// Heads out (RFC 9112 sections 3 to 5): every part is checked before it is copied, so nothing can be injected.
//
// Each function appends at `at` and returns the address behind what it wrote, or 0 when a part may not stand there.

import { isFieldValue, isTarget, isToken } from "./token";

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
